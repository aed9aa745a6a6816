"""Ten wrong guesses in a quarter of an hour, and no more."""

from datetime import timedelta

import pytest

from app.errors import InvalidCredentials, TooManyLoginAttempts
from app.services.login_limits import MOST_FAILURES, LoginLimits
from tests.support.conversation import Clock
from tests.support.fake_console import FakeLoginAttempts
from tests.support.races import at_once

ANA, HERE = "ana@example.com", "203.0.113.7"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> LoginLimits:
    return LoginLimits(
        attempts=FakeLoginAttempts(),
        digest=lambda text: f"digest of {text}",
        now=clock.now,
    )


def fail(limits: LoginLimits, email: str = ANA, address: str = HERE) -> None:
    with (
        pytest.raises(InvalidCredentials),
        limits.attempt(email=email, address=address),
    ):
        raise InvalidCredentials


def succeed(limits: LoginLimits, email: str = ANA, address: str = HERE) -> None:
    with limits.attempt(email=email, address=address):
        pass


def test_the_eleventh_guess_at_an_account_is_refused(limits: LoginLimits) -> None:
    for number in range(MOST_FAILURES):
        fail(limits, address=f"address {number}")

    with pytest.raises(TooManyLoginAttempts) as caught:
        succeed(limits, address="another")
    assert caught.value.retry_after == 15 * 60 + 1


def test_an_account_is_the_same_in_any_case(limits: LoginLimits) -> None:
    for _ in range(MOST_FAILURES):
        fail(limits, email="aNA@example.com")

    with pytest.raises(TooManyLoginAttempts):
        succeed(limits)


def test_guessing_at_many_accounts_locks_the_address(limits: LoginLimits) -> None:
    for number in range(MOST_FAILURES):
        fail(limits, email=f"{number}@example.com")

    with pytest.raises(TooManyLoginAttempts):
        succeed(limits, email="bob@example.com")
    succeed(limits, email="bob@example.com", address="another")


def test_a_forgotten_password_does_not_lock_an_office_out(limits: LoginLimits) -> None:
    for _ in range(MOST_FAILURES):
        fail(limits)
    for _ in range(5):
        with pytest.raises(TooManyLoginAttempts):
            succeed(limits)

    succeed(limits, email="bob@example.com")


def test_the_right_password_forgets_the_wrong_ones(limits: LoginLimits) -> None:
    for _ in range(3):
        for _ in range(MOST_FAILURES - 1):
            fail(limits)
        succeed(limits)


def test_after_a_quarter_of_an_hour_it_may_be_tried_again(
    limits: LoginLimits, clock: Clock
) -> None:
    for number in range(MOST_FAILURES):
        clock.wall += timedelta(seconds=number)
        fail(limits)
    with pytest.raises(TooManyLoginAttempts) as caught:
        succeed(limits)

    assert caught.value.retry_after
    clock.wall += timedelta(seconds=caught.value.retry_after)
    succeed(limits)


def test_who_is_refused_does_not_wait_longer_for_it(
    limits: LoginLimits, clock: Clock
) -> None:
    for _ in range(MOST_FAILURES):
        fail(limits)
    for _ in range(100):
        clock.wall += timedelta(seconds=1)
        with pytest.raises(TooManyLoginAttempts):
            succeed(limits)

    clock.wall += timedelta(minutes=15)
    succeed(limits)


def test_parallel_guesses_do_not_slip_through(limits: LoginLimits) -> None:
    guessed = []

    def guess(number: int) -> bool:
        try:
            with limits.attempt(email=ANA, address=f"address {number}"):
                guessed.append(number)
                raise InvalidCredentials
        except TooManyLoginAttempts:
            return False
        except InvalidCredentials:
            return True

    at_once(guess)

    assert len(guessed) <= MOST_FAILURES
