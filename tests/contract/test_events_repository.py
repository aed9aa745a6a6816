from datetime import timedelta

from app.models.event import ChatEvent, DocumentsEvent, Event, EventBatch
from app.repositories.events import EventRepository
from tests.support.made import NOW

LATER = timedelta(minutes=61)


def batch(
    process: str, first: int, count: int = 2, *, late: bool = False
) -> EventBatch:
    events = tuple(
        ChatEvent(
            assistant_id="a1", chat_id=f"c{number}", message_ids=(f"m{number}", "m")
        )
        for number in range(first, first + count)
    )
    return EventBatch(
        process=process,
        first=first,
        events=events,
        written_at=NOW + LATER if late else NOW,
    )


def test_a_process_s_events_are_read_as_they_were_written(
    events: EventRepository,
) -> None:
    one, two, three = batch("p", 1), batch("p", 3, 1), batch("p", 4)
    for made in (one, two, batch("q", 1), three):
        events.add(made)

    assert events.list_after("p", 0, limit=10) == [one, two, three]
    assert events.list_after("p", 2, limit=10) == [two, three]
    assert events.list_after("p", 3, limit=10) == [three]
    assert events.list_after("p", 4, limit=10) == [three]
    assert events.list_after("p", 5, limit=10) == []
    assert events.list_after("p", 0, limit=2) == [one, two]
    assert events.list_after("none", 0, limit=2) == []


def test_what_changes_in_chats_and_in_documents_is_told_apart(
    events: EventRepository,
) -> None:
    changes: tuple[Event, ...] = (
        ChatEvent(assistant_id="a1", chat_id="c1"),
        DocumentsEvent(assistant_id="a1", document_ids=("d1", "d2")),
        ChatEvent(assistant_id="a2", chat_id="c1", message_ids=("m1",)),
    )
    events.add(EventBatch(process="p", first=1, events=changes, written_at=NOW))

    [found] = events.list_after("p", 0, limit=1)
    assert found.events == changes


def test_each_process_is_known_by_its_last_number(events: EventRepository) -> None:
    assert events.heads() == {}

    for made in (batch("p", 1), batch("p", 3), batch("q", 1, 1)):
        events.add(made)

    assert events.heads() == {"p": 4, "q": 1}


def test_a_batch_that_comes_again_does_no_harm(events: EventRepository) -> None:
    events.add(batch("p", 1))
    events.add(batch("p", 1, 3))
    events.add(batch("p", 1))

    assert events.heads() == {"p": 3}
    lasts = [found.last for found in events.list_after("p", 0, limit=10)]
    assert lasts == [2, 2, 3]


def test_after_an_hour_events_are_gone_and_the_living_keep_their_number(
    events: EventRepository,
) -> None:
    for made in (batch("old", 1), batch("p", 1), batch("q", 1, late=True)):
        events.add(made)
    events.save_head("p", 2, now=NOW + LATER)

    events.remove_expired(NOW + LATER)

    assert events.heads() == {"p": 2, "q": 2}
    assert events.list_after("p", 0, limit=10) == []
    assert len(events.list_after("q", 0, limit=10)) == 1


def test_the_store_expires_them_by_itself(stored_events: EventRepository) -> None:
    for collection in (stored_events._events, stored_events._heads):
        found = collection.index_information().values()
        assert [index.get("expireAfterSeconds") for index in found].count(3600) == 1
