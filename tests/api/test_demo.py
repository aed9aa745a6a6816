"""`make demo`, run as its reader runs it."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.demo import QUESTIONS
from tests.support.behaviour import Behaviour
from tests.support.upstream import Upstream

ROOT = Path(__file__).parents[2]
DEMO = [sys.executable, "-m", "scripts.demo"]
SOURCE = re.compile(r"^    \[\d\] \w+\.md, ", re.MULTILINE)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Return a clean environment whose temporary folder is ``folder``."""
    path = os.environ["PATH"]
    return {"PATH": path, "LANG": "C.UTF-8", "TMPDIR": str(folder)} | more


def run_once(folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, "--once"],
        cwd=ROOT,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@contextmanager
def staying(folder: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    demo = subprocess.Popen(
        DEMO,
        cwd=ROOT,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with demo:
        try:
            yield demo
        finally:
            demo.terminate()


def lines_until(demo: subprocess.Popen[str], start: str) -> list[str]:
    """Read what the demo prints up to the line that starts like this."""
    assert demo.stdout
    lines: list[str] = []
    for line in demo.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(start):
            break
    return lines


def answers(output: str) -> list[str]:
    """Return what was printed under each question."""
    asked = [output.index(f"  ? {question}\n") for question in QUESTIONS]
    ends = [*asked[1:], output.index("Now you")]
    return [output[a:b] for a, b in zip(asked, ends, strict=True)]


def nothing_left(folder: Path) -> bool:
    """Say whether no file and no process of a demo is left in ``folder``."""
    mark = f"TMPDIR={folder}".encode()
    environments = [
        _read(process / "environ")
        for process in Path("/proc").iterdir()
        if process.name.isdigit()
    ]
    alone = not any(mark in content.split(b"\0") for content in environments)
    return alone and not list(folder.iterdir())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # somebody else's, or just ended
        return b""


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what one run on the offline provider printed; it left nothing."""
    folder = tmp_path_factory.mktemp("demo")
    ran = run_once(folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert nothing_left(folder)
    return ran.stdout


def test_it_answers_six_messages_with_their_cost_and_time(output: str) -> None:
    assert len(QUESTIONS) == 6
    for answer in answers(output):
        assert re.search(r"\n    \d+ tokens in, \d+ out, \d+ ms\n", answer)


def test_answers_from_documents_name_them(output: str) -> None:
    greeting, exchange, pix, delivery, follow_up, unanswerable = answers(output)

    assert not SOURCE.search(greeting)
    assert "30" in exchange
    assert "[1] faq.md, " in exchange
    assert "5%" in pix
    assert "[1] faq.md, " in pix
    assert "9.90" in delivery
    assert "[1] delivery.md, " in delivery
    assert "49.90" in follow_up
    assert "[1] delivery.md, " in follow_up
    assert not SOURCE.search(unanswerable)


def test_there_is_no_colour_where_there_is_no_terminal(output: str) -> None:
    assert "\x1b" not in output


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_the_server_stays_to_be_tried_until_told_to_end(
    tmp_path: Path, ending: signal.Signals
) -> None:
    with staying(tmp_path) as demo:
        printed = lines_until(demo, "Ctrl-C")
        curl = next(line for line in printed if line.startswith("curl "))
        status, answer = run_curl(curl)
        page = next(line.split()[-1] for line in printed if "API page" in line)
        with urllib.request.urlopen(page, timeout=10) as response:  # noqa: S310 ours
            assert response.status == 200

        demo.send_signal(ending)

        assert demo.wait(30) == 0
    assert status == 200
    assert "gratuito" in answer["response"]
    assert nothing_left(tmp_path)


def run_curl(line: str) -> tuple[int, dict[str, str]]:
    """Do what the printed line says, without needing curl."""
    program, quiet, url, *options = shlex.split(line)
    assert (program, quiet) == ("curl", "-s")
    pairs = list(zip(options[::2], options[1::2], strict=True))
    headers = dict(value.split(": ", 1) for name, value in pairs if name == "-H")
    (data,) = (value for name, value in pairs if name == "-d")
    request = urllib.request.Request(url, data.encode(), headers)  # noqa: S310 ours
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return response.status, json.load(response)


def test_an_end_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    with staying(tmp_path) as demo:
        lines_until(demo, "Orquestradora")
        demo.send_signal(signal.SIGTERM)

        assert demo.wait(30) == 130
    assert nothing_left(tmp_path)


def test_it_asks_the_model_of_the_environment(
    tmp_path: Path, upstream: Upstream
) -> None:
    ran = run_once(tmp_path, OPENAI_BASE_URL=upstream.base_url, OPENAI_MODEL="gpt-x")

    assert (ran.returncode, ran.stderr) == (0, "")
    assert "openai (gpt-x)" in ran.stdout
    asked = [request.body["messages"][-1]["content"] for request in upstream.requests]
    assert asked == list(QUESTIONS)
    assert {request.body["model"] for request in upstream.requests} == {"gpt-x"}
    assert "Você atende os clientes" in str(upstream.requests[0].body["messages"][0])


def test_a_wait_that_the_model_asks_for_is_told_and_kept(
    tmp_path: Path, upstream: Upstream
) -> None:
    busy = Behaviour(status=429, headers={"Retry-After": "120"})
    upstream.script([busy])
    with staying(tmp_path, OPENAI_BASE_URL=upstream.base_url) as demo:
        printed = lines_until(demo, "    provider_rate_limited: again in ")
        demo.send_signal(signal.SIGINT)
        assert demo.wait(30) == 130
    assert printed[-1].startswith("    provider_rate_limited: again in ")


def test_other_settings_of_the_environment_do_not_matter(tmp_path: Path) -> None:
    ran = run_once(
        tmp_path,
        MONGODB_URI="mongodb://127.0.0.1:1",
        REGISTRATION="closed",
        data_dir="/nowhere",
        http_proxy="http://127.0.0.1:1",
    )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_model_that_refuses_ends_it_with_the_reason(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.always(Behaviour(status=401))

    ran = run_once(tmp_path, OPENAI_BASE_URL=upstream.base_url)

    assert ran.returncode == 1
    assert "502 provider_refused" in ran.stderr
    assert nothing_left(tmp_path)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    started = time.monotonic()

    ran = run_once(tmp_path, TURN_TIMEOUT_SECONDS="soon")

    assert ran.returncode == 1
    assert "TURN_TIMEOUT_SECONDS" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert time.monotonic() - started < 50
    assert nothing_left(tmp_path)
