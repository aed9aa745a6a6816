"""A thousand messages while processes die, the model fails and people take over.

Clients write down what they did and saw; afterwards the timelines have to agree.
"""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.faults.test_stopping import create_bot
from tests.support.behaviour import Behaviour, Body
from tests.support.forked import forked
from tests.support.history import Checker, History
from tests.support.http_client import client_of
from tests.support.model_log import ModelLog
from tests.support.processes import ServerProcess, free_port
from tests.support.running import PASSWORD
from tests.support.servers import store_settings
from tests.support.store_backends import BACKENDS
from tests.support.upstream import Upstream
from tests.support.waiting import until

CLIENTS, MESSAGES = 20, 50
CONTACTS_EACH = 2
PATIENCE = 90.0
BETWEEN_KILLS = (2.0, 5.0)
NOTE = "internal note"
FAULTS = (
    (0.03, Behaviour(status=500)),
    (0.02, Behaviour(status=429, headers={"Retry-After": "1"})),
    (0.03, Behaviour(cut_after=3)),
    (0.01, Behaviour(dropped=True)),
    (0.03, Behaviour(delay=1.5)),
)


class World:
    """Two servers, a bot's key, an attendant's token, and what they recorded."""

    def __init__(self, servers: list[ServerProcess], key: str, token: str) -> None:
        self.servers = servers
        self.bot = {"X-API-Key": key}
        self.attendant = {"Authorization": f"Bearer {token}"}
        self.posts, self.written = History(), History()
        self.delivered: list[Body] = []
        self.over = threading.Event()  # nothing is sent, taken over or killed any more
        self.settled = threading.Event()  # and all of it has come to an end
        self.kills: list[tuple[float, float]] = []
        self.takeovers: dict[str, float] = {}
        self.http = client_of(timeout=40)

    def call(
        self, method: str, path: str, headers: dict[str, str], **how: Any
    ) -> httpx2.Response | None:
        """Ask one of the two; None: no answer came, whatever has happened."""
        server = random.choice(self.servers)
        try:
            return self.http.request(
                method, server.base_url + path, headers=headers, **how
            )
        except httpx2.HTTPError:
            time.sleep(0.1)
            return None

    def converse(self, client: int) -> None:
        """Send a client's messages one after the other, each until it has its end."""
        for n in range(MESSAGES):
            contact = f"c{client}-{n % CONTACTS_EACH}"
            self._send(contact, f"client {client} message {n}")

    def _send(self, contact: str, text: str) -> None:
        body = {
            "id": contact,
            "message_service": "test",
            "message": text,
            "message_id": text,
        }
        give_up = time.monotonic() + PATIENCE
        twice = random.random() < 0.1
        while time.monotonic() < give_up:
            self.posts.add("invoke", text, contact)
            if twice:
                threading.Thread(target=self._post, args=(contact, body)).start()
                twice = False
            answer = self._post(contact, body)
            if answer is not None and answer.status_code == 200:
                return
            time.sleep(random.uniform(0.05, 0.4))
        raise AssertionError(f"{text}: no end in {PATIENCE} s")

    def _post(self, contact: str, body: Body) -> httpx2.Response | None:
        text = body["message"]
        answer = self.call("POST", "/chats/enviarMensagemLLM", self.bot, json=body)
        if answer is None:
            self.posts.add("unknown", text, contact)
        elif answer.status_code == 200:
            self.posts.add("ok", text, contact, answer.json())
        else:
            assert answer.status_code in {409, 502, 503, 504}, answer.text
            self.posts.add("fail", text, contact, answer.json())
        return answer

    def attend(self) -> None:
        """Take chats over at random, write and note, and hand them back."""
        count = 0
        while not self.over.wait(random.uniform(0.0, 0.1)):
            contact = f"c{random.randrange(CLIENTS)}-{random.randrange(CONTACTS_EACH)}"
            if not self._take_over(contact, f"reason {len(self.takeovers)}"):
                continue
            for _ in range(random.randrange(3)):
                count += 1
                self._write(contact, f"attendant's word {count}")
                self._write(contact, f"{NOTE} {count}", note=True)
            time.sleep(random.uniform(0, 0.4))
            self._hand_back(contact)

    def _take_over(self, contact: str, reason: str) -> bool:
        self.takeovers[reason] = time.monotonic()
        path = f"/chats/{contact}/takeover"
        answer = self.call("POST", path, self.attendant, json={"reason": reason})
        return answer is not None and answer.status_code == 200

    def _write(self, contact: str, text: str, *, note: bool = False) -> None:
        self.written.add("invoke", text, contact)
        path, body = f"/chats/{contact}/messages", {"text": text, "note": note}
        answer = self.call("POST", path, self.attendant, json=body)
        if answer is not None and answer.status_code == 201:
            self.written.add("ok", text, contact, answer.json())
        else:
            self.written.add("unknown", text, contact)

    def _hand_back(self, contact: str) -> None:
        def released() -> bool:
            path = f"/chats/{contact}/release"
            answer = self.call("POST", path, self.attendant, json={})
            return answer is not None and answer.status_code == 200

        until(released, seconds=60)

    def deliver(self) -> None:
        """Empty the outbox as a bot does, until all is settled and nothing is left."""
        after = ""
        empty = False
        while not empty:
            settled = self.settled.is_set()
            query = {"wait": "1"} | ({"after": after} if after else {})
            answer = self.call("GET", "/chats/outbox", self.bot, params=query)
            if answer is None or answer.status_code == 503:
                continue
            found = answer.raise_for_status().json()
            self.delivered += found
            after = found[-1]["_id"] if found else after
            empty = settled and not found

    def kill(self) -> None:
        """Kill one of the two, now and then, and start it again."""
        while not self.over.wait(random.uniform(*BETWEEN_KILLS)):
            server = random.choice(self.servers)
            began = time.monotonic()
            server.kill()
            self.kills.append((began, time.monotonic()))
            time.sleep(random.uniform(0, 1))
            server.start()

    def timelines(self) -> dict[str, list[Body]]:
        chats = self._read("/chats/list")
        return {
            chat["channel"]["id"]: self._read(f"/chats/{chat['_id']}/messages")
            for chat in chats
        }

    def _read(self, path: str) -> list[Body]:
        answer = self.call("GET", path, self.attendant)
        assert answer is not None
        assert answer.status_code == 200, answer.text
        found: list[Body] = answer.json()
        return found


@pytest.mark.timeout(400)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_thousand_messages_through_kills_faults_and_takeovers(
    tmp_path: Path, request: pytest.FixtureRequest, backend: str
) -> None:
    with Upstream(usual=Behaviour(delay=0.1)) as upstream:
        failed: set[int] = set()
        for share, fault in FAULTS:
            whole = fault.delay > 0
            upstream.when(_by_chance(share, set() if whole else failed), fault)
        settings = {
            "llm_provider": "openai",
            "openai_base_url": upstream.base_url,
            "log_level": "WARNING",
            **store_settings(request, backend),
        }
        with (
            forked(tmp_path, port=free_port(), **settings) as one,
            forked(tmp_path, port=free_port(), **settings) as other,
            ThreadPoolExecutor(CLIENTS + 3) as threads,
        ):
            key = create_bot(one)
            world = World([one, other], key, sign_in(one))
            with world.http:
                helpers = [threads.submit(world.attend), threads.submit(world.kill)]
                delivery = threads.submit(world.deliver)
                clients = [threads.submit(world.converse, n) for n in range(CLIENTS)]
                try:
                    for client in clients:
                        client.result()
                    world.over.set()
                    for helper in helpers:
                        helper.result()
                    until(lambda: not _pending(world.timelines()), seconds=60)
                finally:
                    world.over.set()
                    world.settled.set()
                delivery.result()
                timelines = world.timelines()
            assert [one.terminate(), other.terminate()] == [0, 0]

    assert len(world.kills) >= 3
    Checker(
        posts=world.posts,
        written=world.written,
        delivered=world.delivered,
        timelines=timelines,
    ).check()
    sent = sum(len(world.posts.names("invoke", contact)) for contact in timelines)
    assert sent == CLIENTS * MESSAGES
    assert any(NOTE in event.name for event in world.written.of("ok"))
    ModelLog(
        requests=upstream.requests,
        failed=failed,
        kills=world.kills,
        takeovers=world.takeovers,
    ).check(timelines.values(), untold=NOTE)


def sign_in(server: ServerProcess) -> str:
    with server.client() as http:
        person = {"email": "a@example.com", "password": PASSWORD}
        token: str = http.post("/auth/login", json=person).json()["token"]
        return token


def _by_chance(share: float, met: set[int]) -> Callable[[Body], bool]:
    """Meet this share of the requests; ``met`` gets the ids of their bodies."""

    def meets(request: Body) -> bool:
        chosen = random.random() < share
        if chosen:
            met.add(id(request))
        return chosen

    return meets


def _pending(timelines: dict[str, list[Body]]) -> bool:
    return any(e["status"] == "pending" for t in timelines.values() for e in t)
