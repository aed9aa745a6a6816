"""A takeover against a running turn, a thousand times: nothing is delivered after it."""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.behaviour import Behaviour
from tests.support.history import check_silence
from tests.support.running import Bot, Person, Server
from tests.support.upstream import Upstream

CHATS = 8
RACES = {"embedded": 1000, "wire": 200}
MODEL_TAKES = 0.004

Told = dict[str, Any]


@pytest.mark.timeout(300)
def test_no_answer_is_delivered_after_a_takeover(
    owner: Person, bot: Bot, model: Upstream, server: Server
) -> None:
    model.always(Behaviour(delay=MODEL_TAKES, chunks=1))
    races = RACES["wire" if server.settings.mongodb_uri else "embedded"]
    owner.http.put(
        f"/assistants/update/{bot.id}", json={"history": {"messages": 2}}
    ).raise_for_status()

    def race(contact: str) -> list[Told]:
        bot.post("Hello", contact=contact).raise_for_status()
        told = []
        for _ in range(races // CHATS):
            taken = threading.Thread(target=take_over, args=(contact,))
            taken.start()
            told.append(bot.post("Are you there?", contact=contact).json())
            taken.join()
            owner.http.post(f"/chats/{contact}/release", json={}).raise_for_status()
        return told

    def take_over(contact: str) -> None:
        time.sleep(random.uniform(0, 0.04))
        owner.http.post(f"/chats/{contact}/takeover", json={}).raise_for_status()

    with ThreadPoolExecutor(CHATS) as racers:
        contacts = [f"race {number}" for number in range(CHATS)]
        told = list(racers.map(race, contacts))

    for contact, answers in zip(contacts, told, strict=True):
        timeline = owner.http.get(f"/chats/{contact}/messages").json()
        check_silence(timeline)
        check_told(timeline, answers)
    ends = Counter(answer["status"] for answers in told for answer in answers)
    assert ends.total() == races
    assert ends.keys() <= {"answered", "suppressed", "human"}
    assert ends["answered"]
    assert ends["suppressed"]


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
