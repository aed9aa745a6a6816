"""What a key was handed out is noted by one poller at a time."""

from app.models.outbox import HandedOut
from app.repositories.outboxes import OutboxRepository
from tests.support.races import at_once

NOTHING = HandedOut()


def test_a_key_that_was_handed_nothing_has_an_empty_note(
    outboxes: OutboxRepository,
) -> None:
    assert outboxes.get("k1") == NOTHING


def test_a_note_is_read_as_it_was_written_in_its_order(
    outboxes: OutboxRepository,
) -> None:
    assert outboxes.save("k1", "a1", NOTHING, ["m3", "m1", "m2"])

    first = outboxes.get("k1")
    assert first == HandedOut(version=1, message_ids=("m3", "m1", "m2"))
    assert outboxes.get("k2") == NOTHING

    assert outboxes.save("k1", "a1", first, [])
    assert outboxes.get("k1") == HandedOut(version=2)


def test_a_note_that_was_changed_meanwhile_is_left_alone(
    outboxes: OutboxRepository,
) -> None:
    assert outboxes.save("k1", "a1", NOTHING, ["m1"])
    first = outboxes.get("k1")
    assert outboxes.save("k1", "a1", first, ["m1", "m2"])

    assert not outboxes.save("k1", "a1", first, ["m9"])
    assert not outboxes.save("k1", "a1", NOTHING, ["m9"])

    assert outboxes.get("k1").message_ids == ("m1", "m2")


def test_of_many_pollers_at_once_one_notes_its_own(
    outboxes: OutboxRepository,
) -> None:
    for version in (0, 1):
        before = outboxes.get("k1")

        def save(number: int, before: HandedOut = before) -> bool:
            return outboxes.save("k1", "a1", before, [f"m{number}"])

        saved = at_once(save)

        assert saved.count(True) == 1
        noted = HandedOut(version=version + 1, message_ids=(f"m{saved.index(True)}",))
        assert outboxes.get("k1") == noted


def test_notes_go_with_their_own_assistant(outboxes: OutboxRepository) -> None:
    outboxes.save("k1", "a1", NOTHING, ["m1"])
    outboxes.save("k2", "a2", NOTHING, ["m2"])

    outboxes.remove_for_assistant("a1")

    assert outboxes.get("k1") == NOTHING
    assert outboxes.get("k2").message_ids == ("m2",)
    assert outboxes.save("k1", "a1", NOTHING, [])
