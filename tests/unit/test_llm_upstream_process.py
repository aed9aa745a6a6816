"""The scripted upstream as a process of its own, and memory under its flood."""

import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import ProviderInterrupted
from app.services.llm.openai import OpenAIProvider
from tests.support.asking import answer_of, failure_of, request

ROOT = Path(__file__).parents[2]


@contextmanager
def _process(*arguments: str) -> Iterator[OpenAIProvider]:
    command = [sys.executable, "-m", "tests.support.upstream", "--port", "0"]
    with subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        url = f"http://127.0.0.1:{port}/v1"
        provider = OpenAIProvider(api_key="k", base_url=url)
        provider.prepare()
        try:
            yield provider
        finally:
            provider.close()
            process.terminate()


def test_each_question_is_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "asked.log"
    with _process("--log", str(log), "--delay", "0.01") as provider:
        for number in range(3):
            assert answer_of(provider, request(f"Número\n{number}"))[0]
        assert log.read_text("utf-8") == "Número 0\nNúmero 1\nNúmero 2\n"


def test_a_flood_does_not_fill_our_memory() -> None:
    with _process("--flood", "30", "--chunks", "1") as provider:
        tracemalloc.start()
        try:
            text, error = failure_of(provider, request(seconds=30))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert isinstance(error, ProviderInterrupted)
    assert len(text) == 256 * 1024
    assert peak < 16 * 1024 * 1024
