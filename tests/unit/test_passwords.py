import threading
import time
from collections.abc import Iterator

import pytest

from app.errors import Busy
from app.services import passwords
from app.services.passwords import AT_ONCE, PasswordHasher

WORDS = ["secret of Ana", "ç" * 8, "x" * 1024, "x" * 72, "\0 in it", "😀" * 30]


@pytest.fixture(scope="module")
def hasher() -> PasswordHasher:
    return PasswordHasher(rounds=4)


@pytest.mark.parametrize("password", WORDS)
def test_only_the_right_password_matches(hasher: PasswordHasher, password: str) -> None:
    stored = hasher.hash(password)

    assert stored.startswith("bcrypt-sha256$")
    assert password not in stored
    assert hasher.check(password, stored)
    for wrong in (password + "x", password[:-1], password.swapcase() + " ", ""):
        assert not hasher.check(wrong, stored)


def test_what_bcrypt_would_cut_off_counts(hasher: PasswordHasher) -> None:
    assert not hasher.check("x" * 1000, hasher.hash("x" * 73))


def test_a_password_has_another_hash_each_time(hasher: PasswordHasher) -> None:
    assert hasher.hash("same") != hasher.hash("same")


@pytest.mark.parametrize("stored", [None, "", "x", "md5$1234", "$2b$04$abc"])
def test_nothing_matches_what_is_no_hash_of_ours(
    hasher: PasswordHasher, stored: str | None
) -> None:
    assert not hasher.check("nobody has this password", stored)


def test_who_does_not_exist_takes_as_long(hasher: PasswordHasher) -> None:
    slow = PasswordHasher(rounds=8)
    stored = slow.hash("right")

    def took(known: str | None) -> float:
        started = time.perf_counter()
        for _ in range(3):
            slow.check("wrong", known)
        return time.perf_counter() - started

    assert 0.3 < took(None) / took(stored) < 3


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[PasswordHasher]:
    """Return a hasher whose every place is taken until the test ends."""
    free, busy = threading.Event(), threading.Semaphore(0)

    def stuck(_password: str, _stored: str) -> bool:
        busy.release()
        free.wait(5)
        return True

    hasher = PasswordHasher(rounds=4, waiting=lambda: 1)
    monkeypatch.setattr(passwords, "_matches", stuck)
    monkeypatch.setattr(passwords, "LONGEST_WAIT", 0.2)
    threads = [
        threading.Thread(target=hasher.check, args=("a", "b")) for _ in range(AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert busy.acquire(timeout=2)
    yield hasher
    free.set()
    for thread in threads:
        thread.join()


def test_a_few_wait_for_their_turn_and_not_for_long(held: PasswordHasher) -> None:
    started = time.monotonic()

    with pytest.raises(Busy):
        held.check("a", "b")

    assert 0.15 < time.monotonic() - started < 1


def test_more_than_may_wait_are_refused_at_once(held: PasswordHasher) -> None:
    def wait() -> None:
        with pytest.raises(Busy):
            held.check("a", "b")

    thread = threading.Thread(target=wait)
    thread.start()
    while not held._waiting:
        time.sleep(0.001)
    started = time.monotonic()

    with pytest.raises(Busy):
        held.hash("a")

    assert time.monotonic() - started < 0.15
    thread.join()
