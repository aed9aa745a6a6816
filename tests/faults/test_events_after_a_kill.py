"""Live events while server processes are killed and started."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.forked import forked
from tests.support.listening import Listener, listening
from tests.support.processes import ServerProcess
from tests.support.running import PASSWORD
from tests.support.servers import store_settings
from tests.support.store_backends import BACKENDS

ANA = {"name": "Ana", "email": "ana@example.com", "password": PASSWORD}

Start = Callable[[], ServerProcess]


@pytest.fixture(params=BACKENDS)
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Return what starts server processes on one store."""
    settings = store_settings(request, request.param)
    with ExitStack() as running:
        yield lambda: running.enter_context(forked(tmp_path, **settings))


class Owner:
    """Somebody with an assistant, at whichever process is asked."""

    def __init__(self, server: ServerProcess) -> None:
        with server.client() as nobody:
            nobody.post("/auth/register", json=ANA).raise_for_status()
            login = {name: ANA[name] for name in ("email", "password")}
            self.token = nobody.post("/auth/login", json=login).json()["token"]
            self.headers = {"Authorization": f"Bearer {self.token}"}
            made = nobody.post(
                "/assistants/add", json={"name": "Loja"}, headers=self.headers
            )
        self.key = made.json()["api_key"]

    def post(self, server: ServerProcess, text: str) -> None:
        body = {"id": text, "message_service": "test", "message": text}
        with server.client(**{"X-API-Key": self.key}) as bot:
            answer: httpx2.Response = bot.post("/chats/enviarMensagemLLM", json=body)
        answer.raise_for_status()

    def follow(self, server: ServerProcess, after: str | None = None) -> Any:
        place = {} if after is None else {"Last-Event-ID": after}
        return listening(server, headers=self.headers | place)


def told(listener: Listener, text: str) -> str:
    """Return the position after the last event of this message's turn."""
    frames = listener.all_until(text)
    while frames[-1].data["response"] is None or frames[-1].data["message"] != text:
        frames.append(listener.next("chat"))
    assert "reset" not in {frame.name for frame in frames}
    return frames[-1].id


def test_who_follows_another_process_goes_on_when_one_is_killed(start: Start) -> None:
    one, two = start(), start()
    owner = Owner(one)

    with owner.follow(two) as listener:
        owner.post(one, "before the kill")
        told(listener, "before the kill")
        one.kill()
        owner.post(two, "after the kill")
        told(listener, "after the kill")
        owner.post(start(), "from a new process")
        told(listener, "from a new process")


def test_who_was_cut_off_by_a_kill_goes_on_at_another_process(start: Start) -> None:
    one, two = start(), start()
    owner = Owner(one)

    with owner.follow(one) as listener:
        owner.post(one, "before the kill")
        position = told(listener, "before the kill")
        owner.post(two, "from the other")
        position = told(listener, "from the other")
        one.kill()
        assert listener.ended.wait(10)

    owner.post(two, "missed meanwhile")
    with owner.follow(two, position) as listener:
        assert "before the kill" not in listener.next_text("missed meanwhile")
        owner.post(two, "from here on")
        told(listener, "from here on")
