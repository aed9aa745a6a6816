"""A takeover against a running turn, a thousand times: nothing is delivered after it.

In half of the races the chat is handed back at once, mostly before the model answers.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from tests.support.behaviour import Behaviour
from tests.support.history import check_silence
from tests.support.model_log import ModelLog
from tests.support.running import Bot, Person, Server
from tests.support.upstream import Upstream

CHATS = 8
RACES = {"embedded": 1000, "wire": 200}
MODEL_TAKES, WHEN_HANDED_BACK = 0.004, 0.15
HANDED_BACK = "back at once"

Told = dict[str, Any]


@pytest.mark.timeout(300)
def test_no_answer_is_delivered_after_a_takeover(
    owner: Person, bot: Bot, model: Upstream, server: Server
) -> None:
    model.always(Behaviour(delay=MODEL_TAKES, chunks=1))
    model.when(HANDED_BACK, Behaviour(delay=WHEN_HANDED_BACK, chunks=1))
    asked_before = len(model.requests)
    takeovers: dict[str, float] = {}
    races = RACES["wire" if server.settings.mongodb_uri else "embedded"]
    owner.http.put(
        f"/assistants/update/{bot.id}", json={"history": {"messages": 2}}
    ).raise_for_status()

    def race(contact: str) -> list[Told]:
        bot.post(f"Hello from {contact}", contact=contact).raise_for_status()
        told = []
        for number in range(races // CHATS):
            question = f"{contact}, question {number}"
            if number % 2:
                question += f", {HANDED_BACK}"
            taken = threading.Thread(target=take_over, args=(contact, question))
            taken.start()
            told.append(bot.post(question, contact=contact).json())
            taken.join()
            hand_back(contact)
        return told

    def take_over(contact: str, question: str) -> None:
        time.sleep(random.uniform(0, 0.04))
        takeovers[question] = time.monotonic()
        owner.http.post(
            f"/chats/{contact}/takeover", json={"reason": question}
        ).raise_for_status()
        if HANDED_BACK in question:
            hand_back(contact)

    def hand_back(contact: str) -> None:
        owner.http.post(f"/chats/{contact}/release", json={}).raise_for_status()

    with ThreadPoolExecutor(CHATS) as racers:
        contacts = [f"race {number}" for number in range(CHATS)]
        told = list(racers.map(race, contacts))

    timelines = [owner.http.get(f"/chats/{c}/messages").json() for c in contacts]
    ModelLog(
        requests=model.requests[asked_before:],
        failed=set(),
        kills=[],
        takeovers=takeovers,
    ).check(timelines, untold="a note")
    for timeline, answers in zip(timelines, told, strict=True):
        check_silence(timeline)
        check_told(timeline, answers)
    ends = Counter(answer["status"] for answers in told for answer in answers)
    assert ends.total() == races
    assert ends.keys() <= {"answered", "suppressed", "human"}
    assert ends["answered"]
    assert ends["suppressed"]
    assert any(came_after_a_release(timeline) for timeline in timelines)


def came_after_a_release(timeline: list[Told]) -> bool:
    """Say whether an answer was suppressed that came when the chat was back."""
    return any(
        (entry["author"], entry["status"]) == ("assistant", "suppressed")
        and before["metadata"].get("event") == "release"
        for before, entry in pairwise(timeline)
    )


def check_told(timeline: list[Told], answers: list[Told]) -> None:
    """What the bot was given is what the timeline says was sent, and no more."""
    entries = {entry["_id"]: entry for entry in timeline}
    sent = {
        e["_id"]
        for e in timeline
        if (e["author"], e["status"]) == ("assistant", "sent")
    }
    told = {answer["response_id"] for answer in answers} - {None}
    assert len(sent - told) == 1  # the answer to the first Hello
    assert told <= sent
    for answer in answers:
        assert entries[answer["message_id"]]["status"] == answer["status"]
