"""A server with an owner: assistants, documents and searches over HTTP."""

import http.client
import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.load import post
from benchmarks.processes import ROOT, TICK, Cpu, Running, started
from tests.servers import mongo_wire

PASSWORD = "correct horse battery"
LOGIN = {"email": "owner@example.com", "password": PASSWORD}
BOUNDARY = "knowledge0benchmark"
LONGEST_WAIT = 25
PATIENCE = 120
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Site:
    """A server and what its owner may do."""

    server: Running
    token: str

    def add_assistant(self, **fields: Any) -> tuple[str, str]:
        """Return its id and its key."""
        with Owner(self) as owner:
            made = owner.post("/assistants/add", {"name": "Shop", **fields})
        return made["_id"], made["api_key"]

    def search_request(self, assistant_id: str, question: str) -> bytes:
        body = json.dumps({"query": question}).encode()
        path = f"/assistants/{assistant_id}/search"
        return post(path, body, f"Authorization: Bearer {self.token}")

    def readers_cpu(self) -> Cpu:
        """Return what the processes that read documents took, of those that ended."""
        stat = Path(f"/proc/{self.server.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return Cpu(int(fields[13]) * TICK, int(fields[14]) * TICK)


class Owner:
    """Who has signed in, on a connection of their own."""

    def __init__(self, site: Site) -> None:
        self._headers = {"Authorization": f"Bearer {site.token}"}
        self._connection = http.client.HTTPConnection(
            "127.0.0.1", site.server.port, timeout=PATIENCE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("POST", path, json.dumps(body).encode(), JSON)

    def upload(self, form: bytes) -> str:
        """Return the document's id."""
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        return str(self._call("POST", "/documents/add", form, kind)["_id"])

    def wait_until_ready(self, document_id: str) -> dict[str, Any]:
        """Raises RuntimeError for a document that is not read."""
        while True:
            path = f"/documents/get/{document_id}?wait={LONGEST_WAIT}"
            found: dict[str, Any] = self._call("GET", path)
            if found["status"] == "ready":
                return found
            if found["status"] == "failed":
                raise RuntimeError(found["error"])

    def search(self, assistant_id: str, question: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.post(
            f"/assistants/{assistant_id}/search", {"query": question}
        )
        return found

    def _call(self, method: str, path: str, body: bytes = b"", kind: str = JSON) -> Any:
        headers = self._headers | {"Content-Type": kind}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status >= http.client.BAD_REQUEST:
            raise RuntimeError(f"{path}: {answer.status} {text!r}")
        return json.loads(text)


def upload_form(assistant_id: str, filename: str, data: bytes) -> bytes:
    parts = [("type", b"rag"), ("assistant_id", assistant_id.encode())]
    body = b""
    for name, value in parts:
        body += _part(f'name="{name}"') + value + b"\r\n"
    body += _part(f'name="file"; filename="{filename}"') + data + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


def _part(described: str) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {described}\r\n\r\n"
    return head.encode()


@contextmanager
def embedded_site(folder: Path, settings: dict[str, str]) -> Iterator[Site]:
    """Serve the store in ``folder``, which is made when absent."""
    folder.mkdir(exist_ok=True)
    with started(["main.py"], folder / "log", _settings(folder) | settings) as running:
        yield Site(running, _signed_in(running))


@contextmanager
def wire_site(folder: Path, settings: dict[str, str]) -> Iterator[Site]:
    """Raises CannotStart without Java or Maven."""
    folder.mkdir(exist_ok=True)
    server = mongo_wire.start()
    try:
        its = {"MONGODB_URI": server.uri, "SECRET_KEY": secrets.token_hex(32)}
        given = _settings(folder) | its | settings
        with started(["main.py"], folder / "log", given) as running:
            yield Site(running, _signed_in(running))
    finally:
        server.stop()


@contextmanager
def embeddings_in(folder: Path, dimensions: int) -> Iterator[Running]:
    program = [str(ROOT / "benchmarks/knowledge_embeddings.py"), str(dimensions)]
    with started(program, folder / "embeddings.log") as running:
        yield running


def _settings(folder: Path) -> dict[str, str]:
    return {
        "PORT": "0",
        "DATA_DIR": str(folder / "data"),
        "DOCUMENTS_DIR": str(folder / "documents"),
    }


def _signed_in(running: Running) -> str:
    with Owner(Site(running, "")) as visitor:
        try:
            return str(visitor.post("/auth/login", LOGIN)["token"])
        except RuntimeError:
            visitor.post("/auth/register", LOGIN | {"name": "Owner"})
            return str(visitor.post("/auth/login", LOGIN)["token"])
