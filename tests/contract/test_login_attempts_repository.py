from app.models.ids import new_id
from app.models.login import FailedLogin
from app.repositories.login_attempts import KEPT, LoginAttemptRepository
from tests.support.made import NOW, later
from tests.support.races import at_once


def attempt(account: str = "ana") -> FailedLogin:
    return FailedLogin(id=new_id(), account=account, at=NOW)


def test_an_attempt_comes_back_with_those_before(
    attempts: LoginAttemptRepository,
) -> None:
    first, second, other = attempt(), attempt("bob"), attempt()

    assert attempts.add("here", first, expires_at=later(900)) == [first]
    assert attempts.add("there", other, expires_at=later(900)) == [other]
    assert attempts.add("here", second, expires_at=later(900)) == [first, second]


def test_an_attempt_is_taken_back_alone(attempts: LoginAttemptRepository) -> None:
    first, second, third = attempt(), attempt(), attempt()
    for made in (first, second):
        attempts.add("here", made, expires_at=later(900))

    attempts.take_back("here", first.id)
    attempts.take_back("here", "none")
    attempts.take_back("nowhere", first.id)

    assert attempts.add("here", third, expires_at=later(900)) == [second, third]


def test_a_subject_is_forgotten_whole(attempts: LoginAttemptRepository) -> None:
    attempts.add("here", attempt(), expires_at=later(900))
    attempts.forget("here")
    attempts.forget("nowhere")
    last = attempt()

    assert attempts.add("here", last, expires_at=later(900)) == [last]


def test_only_the_latest_are_kept(attempts: LoginAttemptRepository) -> None:
    made = [attempt() for _ in range(KEPT + 5)]
    for one in made:
        found = attempts.add("here", one, expires_at=later(900))

    assert found == made[-KEPT:]


def test_none_of_many_at_once_is_missed(attempts: LoginAttemptRepository) -> None:
    counts = at_once(
        lambda _: len(attempts.add("here", attempt(), expires_at=later(900)))
    )

    assert len(attempts.add("here", attempt(), expires_at=later(900))) == 33
    assert sorted(counts) == list(range(1, 33))


def test_a_subject_may_have_any_name(attempts: LoginAttemptRepository) -> None:
    for subject in ("address:::1", "$set", "a.b", ""):
        made = attempt()
        assert attempts.add(subject, made, expires_at=later(900)) == [made]
