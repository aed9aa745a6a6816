"""What the turn asks of a model, whoever serves it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from app.models.document import Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptMessage:
    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest:
    """One answer to be made.

    ``messages`` hold everything that a language model reads: instructions and
    numbered passages first, the question last. ``instructions``, ``question`` and
    ``passages`` are the same facts apart, for providers that are no language model.
    ``deadline``
    is the instant of ``time.monotonic()`` by which the answer must be whole.
    """

    model: str
    messages: tuple[PromptMessage, ...]
    temperature: float | None
    max_tokens: int | None
    deadline: float
    assistant_name: str
    instructions: str
    question: str
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """A piece of the answer's text, in order."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The answer is whole. ``estimated``: the provider did not count tokens."""

    model: str
    tokens_in: int
    tokens_out: int
    estimated: bool


class Provider(Protocol):
    """A source of answers.

    ``complete`` yields deltas and then exactly one ``Completion``; an answer that
    ends otherwise raises one of the ``Provider…`` errors.
    """

    name: str

    def prepare(self) -> None:
        """Load what the first answer needs, ahead of it."""

    def complete(self, request: CompletionRequest) -> Iterator[Delta | Completion]: ...
