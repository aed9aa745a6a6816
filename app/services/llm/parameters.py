"""How each model takes its parameters, learned from what it refuses."""

import re
import threading
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.services.llm.port import CompletionRequest

MODELS_REMEMBERED = 1000

_REFUSAL = re.compile(
    r"unsupported|n[o']t (?:yet )?(?:support|permit|allow|enabl|accept)|only supported"
    r"|unrecogni[sz]ed|unknown|unexpected|extra_forbidden|extra (?:inputs|fields)"
    r"|deprecated|no longer|must be verified|invalid (?:parameter|argument|field)"
)
_SYSTEM_ROLE = re.compile(r"\bsystem\b.*\brole\b|\brole\b.*\bsystem\b", re.DOTALL)
_DEVELOPER_ROLE = re.compile(
    r"\bdeveloper\b.*\b(?:role|instruction)\b|\brole\b.*\bdeveloper\b", re.DOTALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The parameters that a model takes."""

    limit: Literal["max_tokens", "max_completion_tokens"] | None = "max_tokens"
    temperature: bool = True
    usage: bool = True
    stream: bool = True
    system: Literal["system", "developer", "user"] = "system"

    def payload(self, request: CompletionRequest) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "model": request.model,
            "messages": [
                {
                    "role": self.system if message.role == "system" else message.role,
                    "content": message.text,
                }
                for message in request.messages
            ],
        }
        if self.stream:
            payload["stream"] = True
        if self.stream and self.usage:
            payload["stream_options"] = {"include_usage": True}
        if self.temperature and request.temperature is not None:
            payload["temperature"] = request.temperature
        if self.limit and request.max_tokens is not None:
            payload[self.limit] = request.max_tokens
        return payload

    def without(self, error: object, sent: dict[str, Any]) -> "Shape | None":
        """Return the shape that avoids this refusal; None: it is about other things.

        ``error`` is the body of the answer, ``sent`` the payload that it refuses.
        """
        text = _words(error)
        if not _REFUSAL.search(text):
            return None

        def named(parameter: str) -> bool:
            return parameter in sent and bool(re.search(rf"\b{parameter}\b", text))

        changed = self
        if self.limit == "max_tokens" and named("max_tokens"):
            changed = replace(self, limit="max_completion_tokens")
        elif named("max_completion_tokens"):
            changed = replace(self, limit=None)
        elif named("temperature"):
            changed = replace(self, temperature=False)
        elif named("stream_options") or "include_usage" in text:
            changed = replace(self, usage=False)
        elif named("stream"):
            changed = replace(self, stream=False)
        elif self.system == "system" and _SYSTEM_ROLE.search(text):
            changed = replace(self, system="developer")
        elif self.system == "developer" and _DEVELOPER_ROLE.search(text):
            changed = replace(self, system="user")
        return None if changed == self else changed


class Shapes:
    """What was learned in this process, by model."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._learned: dict[str, Shape] = {}

    def of(self, model: str) -> Shape:
        return self._learned.get(model) or _USUAL

    def learn(
        self, model: str, used: Shape, error: object, sent: dict[str, Any]
    ) -> bool:
        """Take in a refusal; return whether asking again may go better.

        What another thread learned meanwhile counts as well.
        """
        with self._lock:
            known = self.of(model)
            changed = known.without(error, sent)
            if changed is None:
                return known != used
            if len(self._learned) >= MODELS_REMEMBERED:
                self._learned.pop(next(iter(self._learned)))
            self._learned[model] = changed
            return True


_USUAL = Shape()


def _words(error: object) -> str:
    """Return the error's own words, without what it quotes of our request."""
    if isinstance(error, dict):
        error = error.get("error", error)
    if isinstance(error, str):
        return error[:2000].lower()
    if not isinstance(error, dict):
        return ""
    found = [error.get(name) for name in ("message", "param", "code", "detail")]
    details = error.get("detail")
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict):
            found += [detail.get("msg"), detail.get("type")]
            found += detail["loc"] if isinstance(detail.get("loc"), list) else []
    return " ".join(word[:2000] for word in found[:50] if isinstance(word, str)).lower()
