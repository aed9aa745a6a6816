from typing import Protocol

from app.models.assistant import Assistant
from app.models.caller import Caller
from app.models.document import Passage
from app.services.access import AccessService


class Retrieval(Protocol):
    def search(
        self, assistant: Assistant, query: str, *, limit: int
    ) -> tuple[Passage, ...]: ...


class SearchService:
    """Shows people what their assistants would find."""

    def __init__(self, *, access: AccessService, retrieval: Retrieval) -> None:
        self._access = access
        self._retrieval = retrieval

    def search(
        self, caller: Caller, assistant_id: str, query: str, *, limit: int
    ) -> tuple[Passage, ...]:
        """Return the best passages, best first. Raises AssistantNotFound."""
        assistant = self._access.assistant(caller, assistant_id)
        return self._retrieval.search(assistant, query, limit=limit)
