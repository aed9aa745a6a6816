"""What the README tells its readers to type."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.behaviour import Behaviour
from tests.support.running import Server, running
from tests.support.upstream import Upstream

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a fresh server without a model, whatever the store of others is."""
    with running(tmp_path) as made:
        yield made


@pytest.mark.skipif(not shutil.which("curl"), reason="the commands are curl's")
def test_the_commands_of_the_first_bot_and_of_streaming_work(server: Server) -> None:
    blocks = [b for b in BLOCK.findall((ROOT / "README.md").read_text()) if "$API" in b]
    script = "".join(blocks).replace("http://127.0.0.1:8080", server.base_url)

    ran = subprocess.run(
        ["bash", "-eu", "-c", script],  # noqa: S607 - readers have it in their PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    printed = ran.stdout.splitlines()
    *_, body = [json.loads(line) for line in printed if line.startswith("{")]
    assert body["status"] == "answered"
    assert "30 dias" in body["response"]
    assert body["citations"][0]["filename"] == "faq.md"
    assert printed.count("event: done") == 1


def talk(server: Server, key: str, said: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "examples" / "bot.py"],
        input=said,
        env={"KEY": key, "API": server.base_url, "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_bot_in_python_answers_each_line(server: Server) -> None:
    person = server.register()
    bot = person.create_assistant()
    person.upload(bot, "hours.md", "The shop opens at nine in the morning.")

    talked = talk(server, bot.key, "When does the shop open?\n\nThank you\n")

    assert (talked.returncode, talked.stderr) == (0, "")
    found, thanked = talked.stdout.splitlines()
    assert "nine in the morning" in found
    assert thanked == "You are welcome!"


def test_the_bot_in_python_says_when_nobody_answers(server: Server) -> None:
    bot = server.register().create_assistant()
    bot.post("Hello", contact="me", message_service="terminal", active=False)

    assert "nobody answers" in talk(server, bot.key, "Hello?\n").stdout


def test_the_bot_in_python_sends_again_what_failed(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.script([Behaviour(status=400)])
    with running(
        tmp_path, llm_provider="openai", openai_base_url=upstream.base_url
    ) as server:
        bot = server.register().create_assistant()

        talked = talk(server, bot.key, "Hello\n")

    assert (talked.returncode, talked.stderr) == (0, "")
    assert talked.stdout == "Answer to: Hello\n"
    assert len(upstream.requests) == 2


def test_the_bot_in_python_gives_up_on_a_wrong_key(server: Server) -> None:
    talked = talk(server, "sk_wrong", "Hello\n")

    assert talked.returncode != 0
    assert "401" in talked.stderr
