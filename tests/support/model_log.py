"""What the scripted model was asked, beside the timelines and what went wrong."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from tests.support.upstream import Recorded

Body = dict[str, Any]


@dataclass(kw_only=True)
class ModelLog:
    """``failed``: requests that were not answered whole, by the ids of their bodies.

    ``kills``: when each began and ended; ``takeovers``: when each was asked for, by
    its reason; monotonic as in the requests.
    """

    requests: list[Recorded]
    failed: set[int]
    kills: list[tuple[float, float]]
    takeovers: dict[str, float]

    def check(self, timelines: Iterable[list[Body]], *, untold: str) -> None:
        """Compare them; ``untold``: words that are none of the model's business."""
        self._check_asked_once()
        assert not any(untold in json.dumps(r.body) for r in self.requests)
        for timeline in timelines:
            self._check_asked(timeline)
            self._check_overtaken(timeline)

    def _check_asked_once(self) -> None:
        """It is asked again for a message only where it failed, or a process died."""
        for question, asked in self._by_question.items():
            for before, again in pairwise(asked):
                assert id(before.body) in self.failed or any(
                    began < again.at and before.at < ended
                    for began, ended in self.kills
                ), question

    def _check_asked(self, timeline: list[Body]) -> None:
        for entry in timeline:
            assert entry["status"] != "answered" or entry["text"] in self._by_question

    def _check_overtaken(self, timeline: list[Body]) -> None:
        """What was asked before a takeover is not delivered after it.

        Not even where the chat is with the assistant again by then.
        """
        taken = 0.0
        for entry in timeline:
            if entry["metadata"].get("event") == "takeover":
                taken = max(taken, self.takeovers[entry["metadata"]["reason"]])
            elif (entry["author"], entry["status"]) == ("assistant", "sent"):
                question = entry["text"].removeprefix("Answer to: ")
                assert taken < self._by_question[question][-1].at, entry

    @cached_property
    def _by_question(self) -> dict[str, list[Recorded]]:
        found: dict[str, list[Recorded]] = {}
        for request in self.requests:
            question = request.body["messages"][-1]["content"]
            found.setdefault(question, []).append(request)
        return found
