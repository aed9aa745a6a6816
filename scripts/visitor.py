"""The API as any program reaches it: HTTP, with nothing but the standard library."""

import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

PATIENCE = 120.0
MOST_TRIES = 5
LONGEST_WAIT = 60

Wait = Callable[[float, "Refused"], None]


class Refused(Exception):
    """An answer that is no success: its status, and the error's code and words."""

    def __init__(self, status: int, body: Any, headers: Message) -> None:
        error = body.get("error", {}) if isinstance(body, dict) else {}
        self.status = status
        self.code = str(error.get("code", ""))
        self.retry_after = headers.get("Retry-After", "")
        super().__init__(f"{status} {self.code}: {error.get('message', body)}")

    @property
    def passes(self) -> bool:
        """Whether the same request may well succeed a little later."""
        return self.status in {409, 503} and self.retry_after.isdigit()


class DocumentFailed(Exception):
    """An uploaded document did not become ready; the message says why."""


class Visitor:
    """Somebody who knows the server's address, and perhaps a credential."""

    def __init__(self, address: str, **headers: str) -> None:
        self._address = address
        self._headers = {name.replace("_", "-"): headers[name] for name in headers}
        no_proxy = urllib.request.ProxyHandler({})
        self._opener = urllib.request.build_opener(no_proxy)

    def get(self, path: str) -> Any:
        return self._send(path, None, {})

    def post(self, path: str, body: dict[str, Any]) -> Any:
        data = json.dumps(body).encode()
        return self._send(path, data, {"Content-Type": "application/json"})

    def post_surely(self, path: str, body: dict[str, Any], *, wait: Wait) -> Any:
        """Post a message that carries its ``message_id``, again when told to.

        ``wait`` gets the seconds to let go by, and why.
        """
        for _ in range(MOST_TRIES - 1):
            try:
                return self.post(path, body)
            except Refused as refusal:
                if not refusal.passes:
                    raise
                wait(min(int(refusal.retry_after), LONGEST_WAIT), refusal)
        return self.post(path, body)

    def upload(self, path: str, file: Path, **fields: str) -> Any:
        border = secrets.token_hex(16)
        parts = [(f'name="{name}"', value.encode()) for name, value in fields.items()]
        parts.append((f'name="file"; filename="{file.name}"', file.read_bytes()))
        data = b"".join(
            f"--{border}\r\nContent-Disposition: form-data; {what}\r\n\r\n".encode()
            + value
            + b"\r\n"
            for what, value in parts
        )
        kind = f"multipart/form-data; boundary={border}"
        return self._send(
            path, data + f"--{border}--\r\n".encode(), {"Content-Type": kind}
        )

    def _send(self, path: str, data: bytes | None, headers: dict[str, str]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            self._address + path, data, self._headers | headers
        )
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as exc:
            with exc:
                raise Refused(exc.code, _parsed(exc.read()), exc.headers) from None


def ready_document(owner: Visitor, document: dict[str, Any]) -> dict[str, Any]:
    """Wait until an uploaded document can be found in. Raises DocumentFailed."""
    until = time.monotonic() + PATIENCE
    while document["status"] in {"queued", "processing"}:
        if time.monotonic() > until:
            break
        time.sleep(0.1)
        document = owner.get(f"/documents/get/{document['_id']}")
    if document["status"] != "ready":
        why = document["error"] or document["status"]
        raise DocumentFailed(f"{document['filename']}: {why}")
    return document


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
