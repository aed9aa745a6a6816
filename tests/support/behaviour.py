"""What the scripted upstream does with one request: bytes, pauses, cuts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]
Ending = Literal["whole", "fin", "reset", "open"]


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection here; ``reset`` sends RST instead of FIN."""

    reset: bool = False


Step = bytes | Pause | Cut


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """One scripted reaction; the default is a whole, streamed echo.

    ``text``: None echoes the last user message. ``body``: sent as it is instead of
    an answer. ``usage``: prompt and completion tokens, None for none. ``delay``:
    seconds before the first byte, ``pause``: between events. ``drip``: bytes and
    seconds between them, headers included. ``cut_after``: events before the
    connection ends. ``refuses``: parameters (or ``role:system``) answered by 400.
    ``flood``: megabytes of text instead of ``text``, in ``chunks`` events.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    raw: bytes | None = None
    dropped: bool = False
    text: str | None = None
    usage: tuple[int, int] | Literal["counted"] | None = "counted"
    model: str | None = None
    chunks: int = 8
    delay: float = 0
    pause: float = 0
    silent: bool = False
    drip: tuple[int, float] | None = None
    cut_after: int | None = None
    reset: bool = False
    done: bool = True
    finish: str | None = "stop"
    plain: bool = False
    flood: float = 0
    refuses: tuple[str, ...] = ()

    def steps(self, request: Body) -> Iterator[Step]:
        if self.delay:
            yield Pause(self.delay)
        if self.silent:
            yield Pause(3600)
        refused = next((name for name in self.refuses if _holds(request, name)), None)
        steps: Iterator[Step]
        if self.dropped or self.raw is not None:
            steps = iter([self.raw or b"", Cut(self.reset)])
        elif refused is not None:
            steps = iter([whole(400, {}, refusal(refused))])
        elif self.body is not None or self.status >= 400:
            steps = self._as_it_is()
        elif self.plain or not request.get("stream"):
            steps = iter([whole(200, self.headers, self._plain(request))])
        else:
            steps = self._streamed(request)
        yield from _dripped(steps, *self.drip) if self.drip else steps

    def _as_it_is(self) -> Iterator[Step]:
        body = self.body
        if body is None:
            error = {"message": f"Status {self.status}.", "type": "server_error"}
            body = json.dumps({"error": error}).encode()
        yield whole(self.status, self.headers, body)
        if self.cut_after is not None:
            yield Cut(self.reset)

    def _streamed(self, request: Body) -> Iterator[Step]:
        given = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
        yield head(self.status, given | dict(self.headers))
        for count, event in enumerate(self._events(request)):
            if count == self.cut_after:
                yield Cut(self.reset)
                return
            if count and self.pause:
                yield Pause(self.pause)
            yield b"%x\r\n%b\r\n" % (len(event), event)
        if self.cut_after is not None:
            yield Cut(self.reset)
        yield b"0\r\n\r\n"

    def _events(self, request: Body) -> Iterator[bytes]:
        def event(delta: Body, finish: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            return _event(self._part(request, "chat.completion.chunk", [choice]))

        yield event({"role": "assistant", "content": ""})
        for piece in self._pieces(request):
            yield event({"content": piece})
        if self.finish:
            yield event({}, self.finish)
        usage = self._usage(request)
        if usage and (request.get("stream_options") or {}).get("include_usage"):
            part = self._part(request, "chat.completion.chunk", [])
            yield _event(part | {"usage": usage})
        if self.done:
            yield b"data: [DONE]\n\n"

    def _pieces(self, request: Body) -> Iterator[str]:
        if self.flood:
            piece = "x" * int(self.flood * 1024 * 1024 / self.chunks)
            for _ in range(self.chunks):
                yield piece
            return
        text = self._text(request)
        size = max(1, -(-len(text) // self.chunks))
        for start in range(0, len(text), size):
            yield text[start : start + size]

    def _text(self, request: Body) -> str:
        return f"Answer to: {last_user(request)}" if self.text is None else self.text

    def _usage(self, request: Body) -> Body | None:
        if self.usage is None:
            return None
        if self.usage == "counted":
            read = sum(len(str(m.get("content"))) for m in request.get("messages", []))
            usage = (read // 4 + 1, len(self._text(request)) // 4 + 1)
        else:
            usage = self.usage
        return {
            "prompt_tokens": usage[0],
            "completion_tokens": usage[1],
            "total_tokens": sum(usage),
        }

    def _plain(self, request: Body) -> bytes:
        message = {"role": "assistant", "content": "".join(self._pieces(request))}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        answer = self._part(request, "chat.completion", [choice])
        if usage := self._usage(request):
            answer["usage"] = usage
        return json.dumps(answer).encode()

    def _part(self, request: Body, kind: str, choices: list[Body]) -> Body:
        return {
            "id": "chatcmpl-scripted",
            "object": kind,
            "created": 1_700_000_000,
            "model": self.model or request.get("model"),
            "choices": choices,
        }


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def whole(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    given = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    return head(status, given | dict(headers)) + body


def refusal(name: str) -> bytes:
    """Make the body with which OpenAI refuses a parameter."""
    instead = " Use 'max_completion_tokens' instead." if name == "max_tokens" else ""
    error = {
        "message": f"Unsupported parameter: '{name}' is not supported with this"
        f" model.{instead}",
        "type": "invalid_request_error",
        "param": name,
        "code": "unsupported_parameter",
    }
    if name.startswith("role:"):
        role = name.removeprefix("role:")
        error |= {
            "message": f"Unsupported value: 'messages[0].role' does not support"
            f" '{role}' with this model.",
            "param": "messages[0].role",
            "code": "unsupported_value",
        }
    return json.dumps({"error": error}).encode()


def last_user(request: Body) -> str:
    for message in reversed(request.get("messages") or []):
        if message.get("role") == "user":
            return str(message.get("content"))
    return ""


def _holds(request: Body, name: str) -> bool:
    role = name.removeprefix("role:")
    if role != name:
        return any(m.get("role") == role for m in request.get("messages", []))
    return name in request


def _event(part: Body) -> bytes:
    return b"data: " + json.dumps(part).encode() + b"\n\n"


def _dripped(steps: Iterator[Step], size: int, seconds: float) -> Iterator[Step]:
    for step in steps:
        if not isinstance(step, bytes):
            yield step
            continue
        for start in range(0, len(step), size):
            yield step[start : start + size]
            yield Pause(seconds)


SILENT = Behaviour(silent=True)
HTML = Behaviour(
    body=b"<html><body>Welcome to the hotel</body></html>",
    headers={"Content-Type": "text/html"},
)
BAD_JSON = Behaviour(body=b'data: {"choices": [{"delta": {"content": nope}}]}\n\n')
INVALID_UTF8 = Behaviour(
    body=b'data: {"choices": [{"delta": {"content": "\xff\xfe"}}]}\n\ndata: [DONE]\n\n'
)
EMPTY_CHOICES = Behaviour(body=b'data: {"choices": []}\n\ndata: [DONE]\n\n')
EMPTY_TEXT = Behaviour(text="")


def rate_limited(after: float | str) -> Behaviour:
    return Behaviour(status=429, headers={"Retry-After": str(after)})
