from app.models.ticket import Ticket
from app.repositories.tickets import TicketRepository
from tests.support.made import later
from tests.support.races import at_once


def ticket(digest: str = "d1") -> Ticket:
    return Ticket(digest=digest, user_id="u1", session_id="s1", expires_at=later(30))


def test_a_ticket_is_taken_as_it_was_added_and_once(
    tickets: TicketRepository,
) -> None:
    tickets.add(ticket("d1"))
    tickets.add(ticket("d2"))

    assert tickets.take("d1") == ticket("d1")
    assert tickets.take("d1") is None
    assert tickets.take("none") is None
    assert tickets.take("d2") == ticket("d2")


def test_of_many_who_take_a_ticket_one_gets_it(tickets: TicketRepository) -> None:
    tickets.add(ticket())

    found = at_once(lambda _: tickets.take("d1"))

    assert [one for one in found if one] == [ticket()]
