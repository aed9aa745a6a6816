"""Asking the provider: what a turn's answer is made from, and its pieces."""

import time
from collections.abc import Collection, Generator, Sequence
from typing import Protocol

from app.errors import ProviderInterrupted
from app.models.assistant import Assistant
from app.models.chat import Chat
from app.models.document import Passage
from app.models.message import Author, Message
from app.services.citations import CitedAnswer
from app.services.llm.port import Completion, CompletionRequest, Delta, Provider
from app.services.prompting import compose, readable


class Messages(Protocol):
    def latest(
        self, chat_id: str, limit: int, *, upto: int | None = None
    ) -> list[Message]: ...
    def find_by_ids(self, chat_id: str, ids: Collection[str]) -> list[Message]: ...


class Retrieval(Protocol):
    def find(
        self, assistant: Assistant, question: str, *, earlier: Sequence[str]
    ) -> tuple[Passage, ...] | None: ...


class Responder:
    """Answers a message from the timeline, the documents and the provider.

    It writes nothing down. ``timeout`` is for one whole answer, in seconds.
    """

    def __init__(
        self,
        *,
        messages: Messages,
        retrieval: Retrieval,
        provider: Provider,
        default_model: str,
        context_tokens: int,
        timeout: float,
    ) -> None:
        self._messages = messages
        self._retrieval = retrieval
        self._provider = provider
        self._default_model = default_model
        self._context_tokens = context_tokens
        self._timeout = timeout

    def model(self, assistant: Assistant) -> str:
        return assistant.model or self._default_model

    def request(
        self, assistant: Assistant, chat: Chat, message: Message
    ) -> CompletionRequest:
        """Put together what the provider gets for this message."""
        question = message.text
        history = readable(self._latest(assistant, chat), without=message.id)
        passages: tuple[Passage, ...] | None = None
        if assistant.retrieval.enabled:
            asked = [m.text for m in history if m.author is Author.CONTACT]
            passages = self._retrieval.find(assistant, question, earlier=asked[::-1])
        return compose(
            assistant=assistant,
            question=question,
            history=history,
            passages=passages,
            model=self.model(assistant),
            context_tokens=self._context_tokens,
            deadline=time.monotonic() + self._timeout,
        )

    def _latest(self, assistant: Assistant, chat: Chat) -> list[Message]:
        """Return the end of the timeline, with the questions of its answers.

        Messages that came in a burst all stand before their answers, so the latest
        answers' questions may lie further back.
        """
        limit = assistant.history.messages + len(chat.queue) + 1
        alone = len(chat.queue) == 1 and not chat.unwritten
        upto = chat.last_seq if alone else None
        found = self._messages.latest(chat.id, limit, upto=upto)
        here = {message.id for message in found}
        asked = {m.in_reply_to for m in found if m.in_reply_to} - here
        if len(asked) > 1:  # of one alone the answer is the oldest, and cut as well
            found = [*self._messages.find_by_ids(chat.id, asked), *found]
        return found

    def complete(
        self, request: CompletionRequest, answer: CitedAnswer
    ) -> Generator[Delta, None, Completion]:
        """Ask the provider; what it says goes through ``answer``.

        Raises the Provider… errors.
        """
        completion: Completion | None = None
        for event in self._provider.complete(request):
            if isinstance(event, Completion):
                completion = event
            elif text := answer.add(event.text):
                yield Delta(text=text)
        if text := answer.finish():
            yield Delta(text=text)
        if completion is None:
            raise ProviderInterrupted
        return completion
