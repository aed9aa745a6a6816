"""A MongoDB that is gone, breaks off, hangs or is slow, and a server that goes on."""

import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pymongo.uri_parser import parse_uri

from tests.faults.test_stopping import create_bot
from tests.support.fault_proxy import FaultProxy
from tests.support.history import Checker, History
from tests.support.processes import ServerProcess, started
from tests.support.route_table import GUARDED, UNKNOWN_ID, Route
from tests.support.running import PASSWORD
from tests.support.servers import SECRET
from tests.support.upstream import Upstream
from tests.support.waiting import until

SLACK = 2.0  # seconds that a busy test machine may add
UNREACHABLE = 3.0
HUNG = 7.0  # an operation's 5 s, and a retry that finds nobody
SLOW = 10.0 + 4.0  # a request's time in the store, and a call of two operations
BACK = 10.0
POST = "/chats/enviarMensagemLLM"
CLIENTS, MESSAGES, CUTS = 10, 6, 20
PERSON = {"email": "a@example.com", "password": PASSWORD}


class World:
    """A server process, the proxy before its database, a bot and a person."""

    def __init__(self, server: ServerProcess, proxy: FaultProxy) -> None:
        self.server, self.proxy = server, proxy
        self.key = create_bot(server)
        self.http = httpx2.Client(
            base_url=server.base_url,
            timeout=60,
            limits=httpx2.Limits(max_connections=200),
        )
        token = self.http.post("/auth/login", json=PERSON).json()["token"]
        self.both = {"Authorization": f"Bearer {token}", "X-API-Key": self.key}

    def call(self, method: str, path: str, **how: Any) -> tuple[httpx2.Response, float]:
        """Return the answer, and the seconds it took."""
        began = time.monotonic()
        answer = self.http.request(method, path, headers=self.both, **how)
        return answer, time.monotonic() - began

    def post(self, contact: str, text: str) -> tuple[httpx2.Response, float]:
        body = {
            "id": contact,
            "message_service": "test",
            "message": text,
            "message_id": text,
        }
        return self.call("POST", POST, json=body)

    def until_ready(self) -> None:
        until(lambda: self.http.get("/readyz").status_code == 200, seconds=BACK)

    def post_until_answered(self, contact: str, text: str) -> dict[str, Any]:
        give_up = time.monotonic() + 60
        while (answer := self.post(contact, text)[0]).status_code != 200:
            assert answer.status_code in {409, 503}, answer.text
            assert time.monotonic() < give_up, answer.text
            time.sleep(0.3)
        found: dict[str, Any] = answer.json()
        return found

    def timelines(self) -> dict[str, list[dict[str, Any]]]:
        return {
            chat["channel"]["id"]: self.call("GET", f"/chats/{chat['_id']}/messages")[
                0
            ].json()
            for chat in self.call("GET", "/chats/list")[0].json()
        }


@pytest.fixture(scope="module")
def world(wire_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    port = parse_uri(wire_uri)["nodelist"][0][1]
    folder: Path = tmp_path_factory.mktemp("server")
    with (
        Upstream() as model,
        FaultProxy(port) as proxy,
        started(
            folder,
            llm_provider="openai",
            openai_base_url=model.base_url,
            mongodb_uri=f"mongodb://127.0.0.1:{proxy.port}/trouble{port}",
            secret_key=SECRET,
            log_level="ERROR",
        ) as server,
    ):
        made = World(server, proxy)
        yield made
        made.http.close()


def test_without_its_database_every_route_says_so_in_time_and_it_comes_back(
    world: World,
) -> None:
    routes = [route for route in GUARDED if not route.stream]
    world.proxy.refuse()
    try:
        until(lambda: world.http.get("/readyz").status_code == 503)
        with ThreadPoolExecutor(len(routes)) as callers:
            answers = list(callers.map(lambda route: call(world, route), routes))
        alive, took = world.call("GET", "/healthz")
    finally:
        world.proxy.come_back()

    assert (alive.status_code, took < 1) == (200, True)
    for route, (answer, seconds) in zip(routes, answers, strict=True):
        if route.rule == "/auth/refresh":
            assert answer.status_code in {401, 503}  # it was given another token
            continue
        assert answer.status_code == 503, route
        assert answer.json()["error"]["code"] == "store_unavailable", route
        assert answer.headers["Retry-After"] == "3"
        assert seconds < UNREACHABLE + SLACK, route
    world.until_ready()
    assert world.post_until_answered("back", "Hello")["status"] == "answered"


def call(world: World, route: Route) -> tuple[httpx2.Response, float]:
    return world.call(
        route.method,
        route.path(UNKNOWN_ID),
        json=route.body,
        data=route.form,
        files=route.files,
    )


@pytest.mark.timeout(300)
def test_connections_that_break_off_lose_nothing_acknowledged(world: World) -> None:
    posts = History()
    over = threading.Event()

    def converse(client: int) -> None:
        contact = f"c{client}"
        for n in range(MESSAGES):
            text = f"client {client} message {n}"
            posts.add("invoke", text, contact)
            posts.add("ok", text, contact, world.post_until_answered(contact, text))

    def break_off() -> int:
        cuts = 0
        while not (over.is_set() and cuts >= CUTS):
            time.sleep(random.uniform(0.02, 0.3))
            world.proxy.cut()
            cuts += 1
        return cuts

    with ThreadPoolExecutor(CLIENTS + 1) as threads:
        breaking = threads.submit(break_off)
        clients = [threads.submit(converse, n) for n in range(CLIENTS)]
        try:
            for client in clients:
                client.result()
        finally:
            over.set()
        assert breaking.result() >= CUTS
    world.until_ready()
    until(lambda: not pending(world), seconds=30)
    ours = {c: t for c, t in world.timelines().items() if c.startswith("c")}
    delivered, _ = world.call("GET", "/chats/outbox")

    assert len(ours) == CLIENTS
    Checker(
        posts=posts, written=History(), delivered=delivered.json(), timelines=ours
    ).check()


def test_while_the_database_hangs_requests_end_in_time_and_health_is_told(
    world: World,
) -> None:
    world.post_until_answered("hung", "Before")
    world.proxy.hold()
    try:
        with ThreadPoolExecutor(80) as callers:
            posts = [callers.submit(world.post, f"h{n}", f"h{n}") for n in range(40)]
            reads = [callers.submit(world.call, "GET", "/auth/me") for _ in range(30)]
            health = [callers.submit(world.call, "GET", "/healthz") for _ in range(10)]
            answers = [one.result() for one in posts + reads]
            alive = [one.result() for one in health]
        ready, _ = world.call("GET", "/readyz")
    finally:
        world.proxy.release()

    assert {answer.status_code for answer, _ in alive} == {200}
    assert max(seconds for _, seconds in alive) < SLACK
    assert ready.status_code == 503
    assert {answer.status_code for answer, _ in answers} == {503}
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer, _ in answers)
    assert max(seconds for _, seconds in answers) < HUNG + SLACK
    world.until_ready()
    for n in range(40):
        assert world.post_until_answered(f"h{n}", f"h{n}")["status"] == "answered"
    timelines = world.timelines()
    assert {len(timelines[f"h{n}"]) for n in range(40)} == {2}


def test_while_the_database_is_slow_turns_end_in_time_and_do_not_pile_up(
    world: World,
) -> None:
    names = [f"s{n}" for n in range(20)]
    world.proxy.delay = 2.0
    try:
        with ThreadPoolExecutor(20) as callers:
            posts = [callers.submit(world.post, name, name) for name in names]
            until(lambda: threads_of(world.server) > 20)
            alive, health_took = world.call("GET", "/healthz")
            me, me_took = world.call("GET", "/auth/me")
            answers = [one.result() for one in posts]
            threads = threads_of(world.server)
            again = list(callers.map(lambda name: world.post(name, name), names))
        grown = threads_of(world.server) - threads
    finally:
        world.proxy.delay = 0
    began = time.monotonic()
    for name in names:
        assert world.post_until_answered(name, name)["status"] == "answered"
    took = time.monotonic() - began

    assert (alive.status_code, health_took < 1) == (200, True)
    assert (me.status_code, me_took < SLOW + SLACK) == (200, True)
    assert {answer.status_code for answer, _ in answers} == {503}
    assert {answer.headers["Retry-After"] for answer, _ in answers} == {"3"}
    assert {answer.status_code for answer, _ in again} <= {200, 409, 503}
    assert max(seconds for _, seconds in answers + again) < SLOW + SLACK
    assert grown < len(names) / 2
    assert took < BACK
    timelines = world.timelines()
    assert {len(timelines[name]) for name in names} == {2}


def pending(world: World) -> bool:
    return any(e["status"] == "pending" for t in world.timelines().values() for e in t)


def threads_of(server: ServerProcess) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))
