"""What clients did and saw, and whether a store's timelines agree with it."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Body = dict[str, Any]
Kind = Literal["invoke", "ok", "fail", "unknown"]

ENDED = {"answered", "human", "inactive", "suppressed", "failed"}
PERSON = {"takeover", "assign", "unassign", "asked_for_person"}
ASSISTANT = {"release", "returned", "asked_for_bot", "reopened", "activate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One step of an operation; ``body`` is what the server said to it."""

    kind: Kind
    name: str
    contact: str
    body: Body = field(default_factory=dict)


class History:
    """Events in the order in which they were recorded; any thread may add some."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Event] = []

    def add(
        self, kind: Kind, name: str, contact: str, body: Body | None = None
    ) -> None:
        with self._lock:
            self._events.append(
                Event(kind=kind, name=name, contact=contact, body=body or {})
            )

    def of(self, *kinds: Kind) -> list[Event]:
        return [event for event in self._events if event.kind in kinds]

    def names(self, kind: Kind, contact: str) -> list[str]:
        """Return a contact's operations in the order of their first such event."""
        found = (e.name for e in self._events if (e.kind, e.contact) == (kind, contact))
        return list(dict.fromkeys(found))


@dataclass(kw_only=True)
class Checker:
    """Compares posts, attendants' messages and deliveries with the timelines.

    ``posts``: the contacts' messages, named by their text. ``written``: what
    attendants wrote, by text. ``delivered``: what the outbox gave, in order.
    """

    posts: History
    written: History
    delivered: list[Body]
    timelines: dict[str, list[Body]]

    def check(self) -> None:
        for contact, timeline in self.timelines.items():
            places = [entry["seq"] for entry in timeline]
            assert places == sorted(set(places)), contact
            self._check_questions(contact, timeline)
            check_silence(timeline)
        self._check_acknowledged()
        self._check_written()
        self._check_answered_once()
        self._check_delivery()

    def _check_questions(self, contact: str, timeline: list[Body]) -> None:
        """Each is there once, in the order it was sent, and has come to an end."""
        questions = [entry for entry in timeline if entry["author"] == "contact"]
        texts = [entry["text"] for entry in questions]
        sent = self.posts.names("invoke", contact)
        assert texts == [text for text in sent if text in set(texts)], contact
        ended = {entry["status"] for entry in questions}
        assert ended <= ENDED, (contact, ended)

    def _check_acknowledged(self) -> None:
        """What a client was told is so, and is the same however often it asked."""
        entries = {e["_id"]: e for t in self.timelines.values() for e in t}
        told: dict[str, Body] = {}
        for event in self.posts.of("ok"):
            body = event.body
            assert told.setdefault(event.name, body) == body
            question = entries[body["message_id"]]
            assert (question["text"], question["status"]) == (
                event.name,
                body["status"],
            )
            if body["status"] == "answered":
                answer = entries[body["response_id"]]
                assert (answer["text"], answer["status"]) == (body["response"], "sent")

    def _check_written(self) -> None:
        everywhere = Counter(
            entry["text"]
            for timeline in self.timelines.values()
            for entry in timeline
            if entry["author"] == "attendant"
        )
        invoked = {event.name for event in self.written.of("invoke")}
        assert set(everywhere) <= invoked
        assert set(everywhere.values()) <= {1}
        for event in self.written.of("ok"):
            assert everywhere[event.name] == 1, event.name

    def _check_answered_once(self) -> None:
        """The scripted model echoes: an answer names its question."""
        for contact, timeline in self.timelines.items():
            answers = Counter(
                entry["text"].removeprefix("Answer to: ")
                for entry in timeline
                if (entry["author"], entry["status"]) == ("assistant", "sent")
            )
            answered = Counter(
                entry["text"]
                for entry in timeline
                if (entry["author"], entry["status"]) == ("contact", "answered")
            )
            assert answers == answered, contact

    def _check_delivery(self) -> None:
        """Each word for a contact, and nothing else, reached the bot, in order."""
        seen = {
            event.body["response_id"]
            for event in self.posts.of("ok")
            if event.body["response_id"]
        }
        places = {e["_id"]: e["seq"] for t in self.timelines.values() for e in t}
        by_chat: dict[str, list[int]] = {}
        for delivery in _first_of_each(self.delivered):
            by_chat.setdefault(delivery["chat_id"], []).append(places[delivery["_id"]])
            seen.add(delivery["_id"])
        for in_order in by_chat.values():
            assert in_order == sorted(in_order)
        due = {
            entry["_id"]
            for timeline in self.timelines.values()
            for entry in timeline
            if entry["status"] == "sent" and entry["author"] != "contact"
        }
        assert seen == due


def _first_of_each(delivered: Iterable[Body]) -> list[Body]:
    return list(
        {delivery["_id"]: delivery for delivery in reversed(list(delivered))}.values()
    )[::-1]


def check_silence(timeline: list[Body]) -> None:
    """While a person has the chat, no automatic answer is delivered."""
    person = False
    for entry in timeline:
        event = entry["metadata"].get("event")
        if entry["author"] == "system":
            person = event in PERSON or (person and event not in ASSISTANT)
        elif entry["author"] == "attendant" and entry["status"] == "sent":
            person = True
        elif entry["author"] == "assistant":
            assert not (person and entry["status"] == "sent"), entry
