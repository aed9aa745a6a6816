"""Two hundred streams, half of them torn off: nothing leaks, every turn ends."""

import socket
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.faults.test_history import sign_in
from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour
from tests.support.forked import forked
from tests.support.processes import ServerProcess
from tests.support.upstream import Upstream
from tests.support.waiting import until

STREAMS = 200
WITHIN = 30.0
RESET = struct.pack("ii", 1, 0)
REQUEST = (
    "POST /chats/enviarMensagemLLM HTTP/1.1\r\nHost: a\r\nX-API-Key: {key}\r\n"
    "Accept: text/event-stream\r\nContent-Type: application/json\r\n"
    "Connection: close\r\nContent-Length: {size}\r\n\r\n{body}"
)


def test_streams_torn_off_end_their_turns_and_leave_nothing_behind(
    tmp_path: Path,
) -> None:
    with (
        # Slower at first, so that the first run holds all of its streams at once.
        Upstream(usual=Behaviour(pause=0.6)) as model,
        forked(
            tmp_path,
            llm_provider="openai",
            openai_base_url=model.base_url,
            log_level="ERROR",
        ) as server,
    ):
        key, token = create_bot(server), sign_in(server)
        run(server, key, "warm", torn=0)
        until(
            lambda: model.open_connections <= STREAMS and is_idle(server, token),
            seconds=WITHIN,
        )
        files, threads = own_files_of(server, model), threads_of(server)
        model.always(Behaviour(pause=0.3))

        run(server, key, "torn", torn=STREAMS // 2)
        until(lambda: is_idle(server, token), seconds=WITHIN)
        timelines = timelines_of(server, token, "torn")
        until(lambda: own_files_of(server, model) <= files + 10, seconds=WITHIN)
        assert model.open_connections <= STREAMS
        threads_after = threads_of(server)
        delivered = outbox_of(server, key)

    assert threads_after <= threads + 5
    assert len(timelines) == STREAMS
    for timeline in timelines:
        assert [entry["status"] for entry in timeline] == ["answered", "sent"]
    assert {d["channel"]["id"] for d in delivered} >= {
        f"torn-{n}" for n in range(STREAMS // 2)
    }


def run(server: ServerProcess, key: str, name: str, *, torn: int) -> None:
    """Open the streams, tear the first of them off in the middle, read the others."""
    address = urlsplit(server.base_url)
    place = (str(address.hostname), int(address.port or 0))
    with ExitStack() as opened:
        streams = []
        for n in range(STREAMS):
            body = f'{{"id": "{name}-{n}", "message_service": "t", "message": "Hello"}}'
            stream = socket.create_connection(place, timeout=WITHIN)
            opened.callback(stream.close)
            stream.sendall(REQUEST.format(key=key, size=len(body), body=body).encode())
            streams.append(stream)
        for stream in streams[:torn]:
            begun = b""
            while b"event: delta" not in begun:
                begun += stream.recv(4096)
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            stream.close()
        for stream in streams[torn:]:
            whole = b""
            while part := stream.recv(65536):
                whole += part
            assert b"event: done" in whole


def own_files_of(server: ServerProcess, model: Upstream) -> int:
    """Return how many it has open beside the connections that it keeps to the model."""
    files = list(Path(f"/proc/{server.process.pid}/fd").iterdir())
    return len(files) - model.open_connections


def threads_of(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


def timelines_of(server: ServerProcess, token: str, name: str) -> list[list[Any]]:
    with server.client(Authorization=f"Bearer {token}") as http:
        chats = http.get("/chats/list", params={"q": name}).json()
        return [http.get(f"/chats/{chat['_id']}/messages").json() for chat in chats]


def is_idle(server: ServerProcess, token: str) -> bool:
    with server.client(Authorization=f"Bearer {token}") as http:
        chats = http.get("/chats/list").json()
    return all(chat["response"] for chat in chats)


def outbox_of(server: ServerProcess, key: str) -> list[Any]:
    delivered: list[Any] = []
    with server.client(**{"X-API-Key": key}) as http:
        while True:
            after = {"after": delivered[-1]["_id"]} if delivered else {}
            found = http.get("/chats/outbox", params=after).json()
            if not found:
                return delivered
            delivered += found
