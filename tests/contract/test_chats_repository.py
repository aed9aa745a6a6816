"""A chat's queue, places on its timeline, and the one write that decides a turn."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.models.chat import (
    Channel,
    Chat,
    ChatState,
    ChatStatus,
    QueuedTurn,
    TurnOutcome,
)
from app.models.message import Citation, Tokens
from app.repositories.chat_entries import ChatEntryRepository
from app.repositories.chats import ChatRepository
from tests.support.made import CHANNEL, HARD_TEXTS, NOW, later, message, outcome, queued
from tests.support.races import at_once


def enqueue(chats: ChatRepository, **fields: Any) -> Chat:
    usual: dict[str, Any] = {
        "assistant_id": "a1",
        "channel": CHANNEL,
        "username": None,
        "text": "Good morning",
        "turn": queued(),
        "new_status": ChatStatus.BOT,
        "now": NOW,
    }
    return chats.enqueue(**(usual | fields))


def switch(entries: ChatEntryRepository, chat: Chat, status: ChatStatus) -> Chat | None:
    entry = message(chat_id=chat.id, seq=chat.last_seq + 1, created_at=later(1))
    return entries.append(chat, entry, ChatState(status=status), process="p1")


@pytest.mark.parametrize("status", [ChatStatus.BOT, ChatStatus.INACTIVE])
def test_the_first_message_makes_the_chat(
    chats: ChatRepository, status: ChatStatus
) -> None:
    turn = queued()
    chat = enqueue(chats, username="Ana", turn=turn, new_status=status)

    assert chat == Chat(
        id=chat.id,
        assistant_id="a1",
        channel=CHANNEL,
        username="Ana",
        state=ChatState(status=status, unread=1),
        tokens=Tokens(),
        message="Good morning",
        response=None,
        last_seq=1,
        queue=(turn,),
        key_id=turn.key_id,
        created_at=NOW,
        updated_at=NOW,
    )
    assert chats.get(chat.id) == chat
    assert chats.get("none") is None


def test_the_next_message_queues_behind_it(chats: ChatRepository) -> None:
    first, second = queued(), queued()
    made = enqueue(chats, username="Ana", turn=first)

    chat = enqueue(
        chats, text="Hello?", turn=second, new_status=ChatStatus.INACTIVE, now=later(1)
    )

    assert chat == replace(
        made,
        message="Hello?",
        last_seq=2,
        state=replace(made.state, unread=2),
        queue=(first, second),
        updated_at=later(1),
    )


def test_a_clock_that_goes_back_leaves_the_latest_activity_alone(
    chats: ChatRepository,
) -> None:
    enqueue(chats, now=later(1))

    assert enqueue(chats, now=NOW).updated_at == later(1)


def test_a_name_is_kept_until_another_comes(chats: ChatRepository) -> None:
    names = [None, "Ana", None, "Ana Lima", ""]

    assert [enqueue(chats, username=name).username for name in names] == [
        None,
        "Ana",
        "Ana",
        "Ana Lima",
        "",
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"assistant_id": "a2"},
        {"channel": Channel(id=CHANNEL.id, message_service="sms")},
        {"channel": Channel(id="other", message_service=CHANNEL.message_service)},
    ],
)
def test_another_contact_has_another_chat(
    chats: ChatRepository, other: dict[str, Any]
) -> None:
    assert enqueue(chats).id != enqueue(chats, **other).id


def test_no_two_channels_are_taken_for_one(chats: ChatRepository) -> None:
    pairs = [("a:b", "c"), ("a", "b:c"), ("1:a", "b"), ("", "a:b:c"), ("a.b", "$set")]
    made = {
        enqueue(chats, channel=Channel(id=channel_id, message_service=service)).id
        for service, channel_id in pairs
    }

    assert len(made) == len(pairs)


@pytest.mark.parametrize("text", HARD_TEXTS, ids=range(len(HARD_TEXTS)))
def test_any_text_survives(chats: ChatRepository, text: str) -> None:
    chat = enqueue(chats, text=text, username=text[:200])

    found = chats.get(chat.id)
    assert found == chat
    assert (found.message, found.username) == (text, text[:200])


def test_many_first_messages_at_once_make_one_chat_and_no_gap(
    chats: ChatRepository,
) -> None:
    made = at_once(lambda _: enqueue(chats))

    assert len({chat.id for chat in made}) == 1
    final = chats.get(made[0].id)
    assert final
    assert final.last_seq == 32
    assert len({turn.id for turn in final.queue}) == 32
    assert sorted(chat.last_seq for chat in made) == list(range(1, 33))
    for chat in made:
        assert len(chat.queue) == chat.last_seq


def test_a_turn_is_queued_once_more(chats: ChatRepository) -> None:
    made, again = enqueue(chats), queued()

    chat = chats.requeue(made.id, again)

    assert chat == replace(made, queue=(*made.queue, again))
    assert chats.requeue("none", again) is None


def test_a_turn_leaves_the_queue_alone(chats: ChatRepository) -> None:
    turns = [queued() for _ in range(3)]
    for turn in turns:
        chat = enqueue(chats, turn=turn)

    after = chats.dequeue(chat.id, turns[1].id)
    assert after == replace(chat, queue=(turns[0], turns[2]))
    assert chats.dequeue(chat.id, turns[1].id) == after
    assert chats.dequeue("none", turns[0].id) is None


def test_a_turn_that_is_taken_back_leaves_nothing_unread(chats: ChatRepository) -> None:
    chat = enqueue(chats)
    copy = queued()
    enqueue(chats, turn=copy)

    after = chats.withdraw(chat.id, copy.id)

    assert after
    assert (after.queue, after.unread) == (chat.queue, 1)
    assert chats.withdraw(chat.id, copy.id) == after
    assert chats.withdraw("none", copy.id) is None


def test_places_are_given_once(chats: ChatRepository) -> None:
    chat = enqueue(chats)

    given = at_once(lambda _: chats.reserve_seq(chat.id))

    assert chats.reserve_seq(chat.id) == 34
    assert chats.reserve_seq("none") is None
    assert len(set(given)) == 32


def test_a_settled_turn_holds_its_outcome(chats: ChatRepository) -> None:
    made = enqueue(chats)
    end = outcome(
        text="Nine to five [1].",
        citations=(
            Citation(
                document_id="d1",
                filename="hours.md",
                page=None,
                heading="Opening > Weekdays",
                quote="nine to five",
            ),
            Citation(
                document_id="d2", filename="b.md", page=3, heading=None, quote="$x"
            ),
        ),
    )

    assert chats.settle(made, made.queue[0].id, end, question="When?")

    assert chats.get(made.id) == replace(
        made,
        message="When?",
        response="Nine to five [1].",
        state=replace(made.state, unread=0),
        last_seq=2,
        tokens=end.tokens,
        queue=(replace(made.queue[0], outcome=end),),
        updated_at=end.created_at,
    )


@pytest.mark.parametrize("suppressed", [False, True])
def test_a_turn_is_settled_and_out_of_the_queue_in_one(
    chats: ChatRepository, entries: ChatEntryRepository, *, suppressed: bool
) -> None:
    first, second = queued(), queued()
    made = enqueue(chats, turn=first)
    made = enqueue(chats, turn=second)
    if suppressed:
        made = switch(entries, made, ChatStatus.HUMAN) or made
    end = outcome(seq=made.last_seq + 1, suppressed=suppressed)

    assert chats.settle_and_dequeue(made, second.id, end, question="?") is None
    after = chats.settle_and_dequeue(made, first.id, end, question="When?")

    assert after == chats.get(made.id)
    assert after == replace(
        made,
        message=made.message if suppressed else "When?",
        response=None if suppressed else end.text,
        state=replace(made.state, unread=made.state.unread if suppressed else 1),
        last_seq=end.seq,
        tokens=end.tokens,
        queue=(second,),
        updated_at=end.created_at,
    )
    assert chats.settle_and_dequeue(made, first.id, end, question="When?") is None


def test_a_suppressed_answer_is_no_response(
    chats: ChatRepository, entries: ChatEntryRepository
) -> None:
    made = enqueue(chats)
    human = switch(entries, made, ChatStatus.HUMAN)
    assert human
    end = outcome(suppressed=True, seq=3)

    assert chats.settle(human, made.queue[0].id, end, question="When?")

    assert chats.get(made.id) == replace(
        human,
        last_seq=3,
        tokens=end.tokens,
        queue=(replace(made.queue[0], outcome=end),),
        updated_at=end.created_at,
    )


Refusal = Callable[[ChatRepository, Chat], tuple[Chat, str, TurnOutcome]]


def _not_at_the_head(
    chats: ChatRepository, made: Chat
) -> tuple[Chat, str, TurnOutcome]:
    second = queued()
    chat = enqueue(chats, turn=second)
    return chat, second.id, outcome(seq=chat.last_seq + 1)


def _left_the_queue(chats: ChatRepository, made: Chat) -> tuple[Chat, str, TurnOutcome]:
    chats.dequeue(made.id, made.queue[0].id)
    return made, made.queue[0].id, outcome()


def _something_came_since(
    chats: ChatRepository, made: Chat
) -> tuple[Chat, str, TurnOutcome]:
    chats.reserve_seq(made.id)
    return made, made.queue[0].id, outcome()


def _given_back(chats: ChatRepository, made: Chat) -> tuple[Chat, str, TurnOutcome]:
    taken = replace(made, state=ChatState(status=ChatStatus.HUMAN))
    return taken, made.queue[0].id, outcome(suppressed=True)


def _gone(chats: ChatRepository, made: Chat) -> tuple[Chat, str, TurnOutcome]:
    chats.remove_for_assistant("a1")
    return made, made.queue[0].id, outcome()


def _settled_before(chats: ChatRepository, made: Chat) -> tuple[Chat, str, TurnOutcome]:
    assert chats.settle(made, made.queue[0].id, outcome(), question="When?")
    return made, made.queue[0].id, outcome()


@pytest.mark.parametrize(
    "refused",
    [
        _not_at_the_head,
        _left_the_queue,
        _something_came_since,
        _given_back,
        _gone,
        _settled_before,
    ],
)
def test_a_turn_is_not_settled_when_its_chat_has_changed(
    chats: ChatRepository, refused: Refusal
) -> None:
    made = enqueue(chats)
    chat, turn_id, end = refused(chats, made)
    before = chats.get(made.id)

    assert not chats.settle(chat, turn_id, end, question="Late")

    assert chats.get(made.id) == before


def test_an_answer_may_be_kept_in_a_chat_that_was_given_back(
    chats: ChatRepository,
) -> None:
    made = enqueue(chats)

    kept = outcome(suppressed=True)

    assert chats.settle(made, made.queue[0].id, kept, question="When?")

    after = chats.get(made.id)
    assert after
    assert after.queue[0].outcome == kept
    assert after.response is None


def test_of_many_outcomes_at_once_one_counts(chats: ChatRepository) -> None:
    made = enqueue(chats)
    turn = made.queue[0].id

    results = at_once(
        lambda number: chats.settle(
            made, turn, outcome(text=f"Answer {number}"), question="When?"
        )
    )

    assert results.count(True) == 1
    final = chats.get(made.id)
    assert final
    assert final.response == f"Answer {results.index(True)}"
    assert final.tokens == Tokens(tokens_in=10, tokens_out=3)
    assert final.last_seq == 2


def test_no_answer_is_delivered_after_a_takeover(
    chats: ChatRepository, entries: ChatEntryRepository
) -> None:
    made = enqueue(chats)
    human = switch(entries, made, ChatStatus.HUMAN)
    assert human
    turn = made.queue[0].id

    for chat, seq in ((made, 2), (human, 3)):
        assert not chats.settle(chat, turn, outcome(seq=seq), question="Late")

    assert chats.get(made.id) == human


def test_takeover_and_answer_at_once_never_both_win(
    chats: ChatRepository, entries: ChatEntryRepository
) -> None:
    for round_ in range(8):
        channel = Channel(id=str(round_), message_service="sms")
        made = enqueue(chats, channel=channel)

        def act(number: int, made: Chat = made) -> str:
            if number % 2:
                won = switch(entries, made, ChatStatus.HUMAN) is not None
                return "taken" if won else ""
            end = outcome()
            won = chats.settle(made, made.queue[0].id, end, question="When?")
            return "settled" if won else ""

        [winner] = [result for result in at_once(act, threads=8) if result]

        final = chats.get(made.id)
        assert final
        assert (final.status is ChatStatus.HUMAN) is (winner == "taken")
        assert (final.queue[0].outcome is not None) is (winner == "settled")


def test_the_turns_of_a_process_are_found(chats: ChatRepository) -> None:
    one = enqueue(chats, turn=queued(process="p1"))
    other = enqueue(
        chats,
        channel=Channel(id="2", message_service="sms"),
        turn=queued(process="p2"),
    )
    both = enqueue(
        chats,
        channel=Channel(id="3", message_service="sms"),
        turn=queued(process="p2"),
    )
    both = chats.requeue(both.id, queued(process="p1")) or both
    done = enqueue(chats, channel=Channel(id="4", message_service="sms"))
    chats.dequeue(done.id, done.queue[0].id)

    def found(process: str) -> set[str]:
        return {chat.id for chat in chats.find_by_process(process)}

    assert found("p1") == {one.id, both.id}
    assert found("p2") == {other.id, both.id}
    assert found("none") == set()
    assert {one, other, both} == set(
        chats.find_by_process("p1") + chats.find_by_process("p2")
    )


def test_a_turn_is_resumed_in_its_place_by_one_process(
    chats: ChatRepository,
) -> None:
    first, second = queued(process="dead"), queued()
    made = enqueue(chats, turn=first)
    made = enqueue(chats, turn=second)
    again = [replace(first, id=f"again{n}", resumed_from=first.id) for n in range(8)]

    results = at_once(lambda n: chats.resume(made.id, first, again[n]), threads=8)

    [resumed] = [chat for chat in results if chat]
    assert resumed.queue[0] in again
    assert resumed.queue[1] == second
    assert chats.get(made.id) == resumed
    assert not chats.settle(made, first.id, outcome(seq=3), question="Late")


def test_a_turn_that_has_come_to_something_is_not_resumed(
    chats: ChatRepository,
) -> None:
    settled, revoked = enqueue(chats), enqueue(chats, assistant_id="a2")
    assert chats.settle(settled, settled.queue[0].id, outcome(), question="When?")
    chats.revoke(revoked.id, revoked.queue[0].id)

    for chat in (settled, revoked):
        found = chats.get(chat.id)
        assert found
        for turn in (chat.queue[0], found.queue[0]):
            new = replace(turn, id="new", outcome=None, revoked=False)
            assert chats.resume(chat.id, turn, new) is None
        assert chats.get(chat.id) == found
    assert chats.resume("none", queued(), queued()) is None


def test_chats_go_with_their_own_assistant(chats: ChatRepository) -> None:
    mine, other = enqueue(chats), enqueue(chats, assistant_id="a2")

    chats.remove_for_assistant("a1")

    assert chats.get(mine.id) is None
    assert chats.get(other.id) == other
    assert enqueue(chats).id != mine.id


def test_a_queue_may_be_long(chats: ChatRepository) -> None:
    turns: list[QueuedTurn] = [queued() for _ in range(40)]
    for turn in turns:
        chat = enqueue(chats, turn=turn, text="x" * 32_000)

    assert chat.queue == tuple(turns)


def test_a_revoked_turn_is_never_settled_and_a_settled_one_never_revoked(
    chats: ChatRepository,
) -> None:
    first = enqueue(chats)
    second = enqueue(chats, assistant_id="a2")

    revoked = chats.revoke(first.id, first.queue[0].id)
    assert revoked
    assert revoked.queue[0].revoked
    assert not chats.settle(revoked, first.queue[0].id, outcome(seq=2), question="Hi")

    assert chats.settle(second, second.queue[0].id, outcome(seq=2), question="Hi")
    settled = chats.revoke(second.id, second.queue[0].id)
    assert settled
    assert settled.queue[0].outcome
    assert not settled.queue[0].revoked
    assert chats.revoke("none", "none") is None
