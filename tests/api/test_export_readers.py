"""An export is sent as it is made: to slow readers, to those who leave, in part."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.config import Settings
from app.errors import Busy
from app.factory import create_app
from app.wiring import Services
from tests.support.made_archive import bring_in, entries, numbers, zip_of
from tests.support.quick import cheap_passwords
from tests.support.running import PASSWORD, Bot, Person, Server
from tests.support.waiting import until


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


def test_a_reader_that_goes_away_leaves_nothing_behind(
    server: Server, owner: Person
) -> None:
    bot = owner.create_assistant()
    for number in range(4):
        owner.upload(bot, f"{number}.txt", numbers(number)).raise_for_status()
    slots = server.services.stream_slots
    files = open_files(server)
    host, port = server.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(
            f"GET /assistants/{bot.id}/export HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {owner.token}\r\n\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")

    until(slots.is_idle)
    until(lambda: open_files(server) == files)


def test_both_hold_a_slot_until_they_have_ended(
    server: Server, owner: Person, bot: Bot
) -> None:
    slots = server.services.stream_slots
    with ExitStack() as held:
        with suppress(Busy):
            for _ in range(server.settings.threads):
                held.enter_context(slots.slot())

        refused = owner.http.get(f"/assistants/{bot.id}/export")
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        assert bring_in(owner, zip_of(entries())).status_code == 503

    assert slots.is_idle()
    assert bring_in(owner, zip_of(entries())).status_code == 201
    assert slots.is_idle()


def test_an_export_holds_its_slot_while_it_is_sent(tmp_path: Path) -> None:
    app = create_app(
        Settings(_env_file=None, data_dir=tmp_path, documents_dir=tmp_path / "files")
    )
    services: Services = app.extensions["services"]
    client = app.test_client()
    account = {"email": "ana@example.com", "password": PASSWORD}
    client.post("/auth/register", json=account | {"name": "Ana"})
    token = json.loads(client.post("/auth/login", json=account).data)["token"]
    headers = {"Authorization": f"Bearer {token}"}
    made = client.post("/assistants/add", json={"name": "Loja"}, headers=headers)
    made_id = json.loads(made.data)["_id"]

    answer = client.get(f"/assistants/{made_id}/export", headers=headers)

    assert not services.stream_slots.is_idle()
    answer.close()
    assert services.stream_slots.is_idle()
    services.close()


def test_asking_for_the_head_of_it_leaves_nothing_behind(
    server: Server, owner: Person, bot: Bot
) -> None:
    for _ in range(10):
        assert owner.http.head(f"/assistants/{bot.id}/export").status_code == 200

    until(server.services.stream_slots.is_idle)


def test_an_export_that_breaks_is_no_whole_file(
    server: Server, owner: Person, bot: Bot
) -> None:
    document = owner.upload(bot, "hours.md", "From nine to five.").json()
    place = server.settings.documents_dir / document["filepath"]
    place.unlink()
    place.mkdir()  # it cannot be read as a file

    with pytest.raises(httpx2.HTTPError):
        owner.http.get(f"/assistants/{bot.id}/export")

    until(server.services.stream_slots.is_idle)


def open_files(server: Server) -> set[str]:
    """Return which documents this process, and so the server in it, has open."""
    root = str(server.settings.documents_dir.resolve())
    found = set()
    for handle in Path("/proc/self/fd").iterdir():
        try:
            place = str(handle.readlink())
        except FileNotFoundError:
            continue
        if place.startswith(root):
            found.add(place)
    return found
