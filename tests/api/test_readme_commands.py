"""What the README tells its readers to type."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.processes import free_port
from tests.support.running import Server, running
from tests.support.upstream import Upstream
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
BOT = [sys.executable, str(ROOT / "examples" / "bot.py")]
BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Return a fresh server without a model, whatever the store of others is."""
    with running(tmp_path) as made:
        yield made


@pytest.mark.skipif(not shutil.which("curl"), reason="the commands are curl's")
def test_the_commands_of_the_first_bot_and_those_after_it_work(server: Server) -> None:
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
    objects = [json.loads(line) for line in printed if line.startswith("{")]
    [body] = [found for found in objects if found.get("status") == "answered"]
    assert "30 dias" in body["response"]
    assert body["citations"][0]["filename"] == "faq.md"
    [delivery] = json.loads(next(line for line in printed if line.startswith("[")))
    assert delivery["text"] == "Olá, aqui é a Ana."
    assert objects[-1]["status"] == "bot"
    assert printed.count("event: done") == 1


def talk(server: Server, key: str, said: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        BOT,
        input=said,
        env=bot_environment(server.base_url, key),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def bot_environment(url: str, key: str) -> dict[str, str]:
    return {"KEY": key, "API": url, "LANG": "C.UTF-8"}


@contextmanager
def talking(url: str, key: str) -> Iterator[tuple[IO[str], IO[str]]]:
    """Run the bot as long as the block; what it hears, and what it prints."""
    with subprocess.Popen(
        BOT,
        env=bot_environment(url, key),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as running_bot:
        assert running_bot.stdin
        assert running_bot.stdout
        try:
            yield running_bot.stdin, running_bot.stdout
        finally:
            running_bot.kill()


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


def test_the_bot_in_python_brings_what_people_write_once(server: Server) -> None:
    owner = server.register()
    key = owner.create_assistant().key
    with talking(server.base_url, key) as (heard, printed):
        heard.write("Hello\n")
        assert printed.readline()
        for text in ("Ana here.", "What can I do?"):
            owner.http.post(
                "/chats/me/messages", json={"text": text}
            ).raise_for_status()
            assert printed.readline() == f"{text}\n"
        heard.write("Hello?\n")
        assert "nobody answers" in printed.readline()
        owner.http.post("/chats/me/release", json={}).raise_for_status()
        heard.write("Thank you\n")
        assert printed.readline() == "You are welcome!\n"


def test_the_bot_in_python_outlives_a_server_that_is_killed(
    tmp_path: Path, upstream: Upstream
) -> None:
    upstream.always(Behaviour(delay=1))
    with forked(
        tmp_path,
        port=free_port(),
        llm_provider="openai",
        openai_base_url=upstream.base_url,
    ) as process:
        key = create_bot(process)
        with talking(process.base_url, key) as (heard, printed):
            heard.write("Hello\n")
            until(lambda: upstream.requests)
            process.kill()
            process.start()
            assert printed.readline() == "Answer to: Hello\n"
            heard.write("And again\n")
            assert printed.readline() == "Answer to: And again\n"
    asked = [request.body["messages"][-1]["content"] for request in upstream.requests]
    assert asked == ["Hello", "Hello", "And again"]


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
