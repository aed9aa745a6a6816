from dataclasses import replace

from app.models.ids import new_id
from app.models.user import Session
from app.repositories.sessions import SessionRepository
from tests.support.made import NOW, later
from tests.support.races import at_once


def session(user_id: str = "u1") -> Session:
    return Session(
        id=new_id(),
        user_id=user_id,
        refresh_id=new_id(),
        created_at=NOW,
        expires_at=later(3600),
    )


def test_a_session_is_read_as_it_was_written(sessions: SessionRepository) -> None:
    made = session()
    sessions.add(made)

    assert sessions.get(made.id) == made
    assert sessions.get("none") is None


def test_a_refresh_id_is_exchanged_for_a_new_one(sessions: SessionRepository) -> None:
    made = session()
    sessions.add(made)

    assert sessions.rotate(
        made.id, used=made.refresh_id, refresh_id="new", expires_at=later(7200)
    )
    assert sessions.get(made.id) == replace(
        made, refresh_id="new", expires_at=later(7200)
    )


def test_a_wrong_or_used_refresh_id_changes_nothing(
    sessions: SessionRepository,
) -> None:
    made = session()
    sessions.add(made)

    for session_id, used in ((made.id, "wrong"), ("none", made.refresh_id)):
        assert not sessions.rotate(
            session_id, used=used, refresh_id="new", expires_at=later(7200)
        )
    assert sessions.get(made.id) == made


def test_of_many_rotations_at_once_one_succeeds(sessions: SessionRepository) -> None:
    made = session()
    sessions.add(made)

    results = at_once(
        lambda number: sessions.rotate(
            made.id,
            used=made.refresh_id,
            refresh_id=f"new {number}",
            expires_at=later(7200),
        )
    )

    assert results.count(True) == 1
    found = sessions.get(made.id)
    assert found
    assert found.refresh_id == f"new {results.index(True)}"


def test_sessions_end_one_by_one_and_by_user(sessions: SessionRepository) -> None:
    one, two, others = session(), session(), session("u2")
    for made in (one, two, others):
        sessions.add(made)

    sessions.remove(one.id)
    sessions.remove("none")
    assert sessions.get(one.id) is None
    assert sessions.get(two.id) == two

    sessions.remove_for_user("u1")
    assert sessions.get(two.id) is None
    assert sessions.get(others.id) == others
