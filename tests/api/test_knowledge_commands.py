"""What docs/knowledge.md tells its readers to type."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running import running

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
ADDRESS = "http://127.0.0.1:8080"


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text())


@pytest.mark.skipif(not shutil.which("curl"), reason="the commands are curl's")
def test_from_a_folder_of_mixed_files_to_cited_answers(tmp_path: Path) -> None:
    [first_bot, *_] = [block for block in blocks("README.md") if "$API" in block]
    with running(tmp_path) as server:
        script = "\n".join([first_bot, *blocks("docs/knowledge.md")])
        ran = subprocess.run(
            ["bash", "-eu", "-c", script.replace(ADDRESS, server.base_url)],  # noqa: S607
            cwd=ROOT,
            env=os.environ
            | {
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "DATA_DIR": str(server.settings.data_dir),
                "DOCUMENTS_DIR": str(server.settings.documents_dir),
                "LLM_PROVIDER": "offline",
            },
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    assert ran.returncode == 0, ran.stderr
    printed = ran.stdout.splitlines()
    assert "skipped    logo.svg: Files of this type are not read (.svg)." in printed
    assert "ready      manuais/bicicleta-serra.pdf" in printed
    answers = [json.loads(line) for line in printed if line.startswith("{")]
    [_, answer] = [one for one in answers if one.get("status") == "answered"]
    [citation] = answer["citations"]
    assert (citation["filename"], citation["page"]) == (
        "manuais/bicicleta-serra.pdf",
        2,
    )
    assert "6 newton-metros" in citation["quote"]
    [_, found] = [json.loads(line) for line in printed if line.startswith("[")]
    assert (found[0]["filename"], found[0]["lexical_rank"]) == ("entrega.html", 1)
    assert "garantia.docx" in [
        one["filename"]
        for line in printed
        if line.startswith("[")
        for one in json.loads(line)
        if "document" in one
    ]
