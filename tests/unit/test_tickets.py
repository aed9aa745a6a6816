from datetime import timedelta

import pytest

from app.errors import Unauthorized
from app.services.keyring import Keyring
from app.services.tickets import TicketService
from tests.support.conversation import Clock
from tests.support.fake_events import FakeTickets

OLD, NEW = "the secret before the rotation....", "the secret after the rotation....."


class Office:
    """Two server processes that share their tickets."""

    def __init__(self) -> None:
        self.tickets = FakeTickets()
        self.clock = Clock()

    def process(self, keyring: Keyring | None = None) -> TicketService:
        return TicketService(
            tickets=self.tickets,
            keyring=keyring or Keyring(current=OLD),
            now=self.clock.now,
        )


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_ticket_opens_once_at_any_process(office: Office) -> None:
    secret = office.process().issue(user_id="u1", session_id="s1")

    opened = office.process().redeem(secret)

    assert (opened.user_id, opened.session_id) == ("u1", "s1")
    for process in (office.process(), office.process()):
        with pytest.raises(Unauthorized):
            process.redeem(secret)


def test_a_ticket_is_good_for_thirty_seconds(office: Office) -> None:
    early, late = (
        office.process().issue(user_id="u1", session_id="s1") for _ in range(2)
    )

    office.clock.wall += timedelta(seconds=29)
    assert office.process().redeem(early)

    office.clock.wall += timedelta(seconds=1)
    with pytest.raises(Unauthorized):
        office.process().redeem(late)


def test_a_ticket_outlives_a_change_of_the_secret(office: Office) -> None:
    secret = office.process().issue(user_id="u1", session_id="s1")

    rotated = office.process(Keyring(current=NEW, previous=OLD))

    assert rotated.redeem(secret).session_id == "s1"


def test_the_store_does_not_hold_the_ticket_itself(office: Office) -> None:
    secret = office.process().issue(user_id="u1", session_id="s1")

    assert secret not in repr(office.tickets._tickets)


@pytest.mark.parametrize("secret", ["", "unknown", "ü" * 50, "x" * 100_000, "\udc80"])
def test_anything_else_opens_nothing(office: Office, secret: str) -> None:
    with pytest.raises(Unauthorized):
        office.process().redeem(secret)
