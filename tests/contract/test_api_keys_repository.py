from dataclasses import replace

from app.repositories.api_keys import ApiKeyRepository
from tests.support.made import api_key, later
from tests.support.races import at_once


def test_a_key_is_read_as_it_was_written(keys: ApiKeyRepository) -> None:
    key = api_key()
    rotated = api_key(
        assistant_id="a2",
        previous_digest="before",
        previous_until=later(60),
        rotated_at=later(1),
    )
    keys.add(key)
    keys.add(rotated)

    assert keys.find_main("a1") == key
    assert keys.find_main("a2") == rotated
    assert keys.find_main_for(["a1", "a2", "a3"]) == {"a1": key, "a2": rotated}
    assert keys.find_main_for([]) == {}


def test_a_key_is_found_by_any_of_its_digests(keys: ApiKeyRepository) -> None:
    key = api_key(digest="now", previous_digest="before", previous_until=later(60))
    keys.add(key)

    assert keys.find_by_digests(["other", "now"]) == key
    assert keys.find_by_digests(["before"]) == key
    assert keys.find_by_digests(["other"]) is None
    assert keys.find_by_digests([]) is None
    assert keys.find_main("a2") is None


def test_the_present_secret_goes_before_anothers_past(keys: ApiKeyRepository) -> None:
    past = api_key(assistant_id="a2", previous_digest="same", previous_until=later(60))
    present = api_key(digest="same")
    keys.add(past)
    keys.add(present)

    assert keys.find_by_digests(["same"]) == present


def test_keys_without_a_past_do_not_meet(keys: ApiKeyRepository) -> None:
    keys.add(api_key(assistant_id="a1"))
    keys.add(api_key(assistant_id="a2"))

    assert set(keys.find_main_for(["a1", "a2"])) == {"a1", "a2"}


def test_a_key_is_replaced_where_it_still_is(keys: ApiKeyRepository) -> None:
    old = api_key()
    new = replace(old, digest="new", previous_digest=old.digest)
    keys.add(old)

    assert keys.replace(old, new)
    assert keys.find_main("a1") == new
    assert not keys.replace(old, replace(old, digest="late"))
    assert not keys.replace(api_key(), new)
    assert keys.find_main("a1") == new
    without_past = replace(new, digest="newer", previous_digest=None)
    assert keys.replace(new, without_past)
    assert keys.find_by_digests([old.digest]) is None


def test_of_many_rotations_at_once_one_succeeds(keys: ApiKeyRepository) -> None:
    old = api_key()
    keys.add(old)

    results = at_once(lambda n: keys.replace(old, replace(old, digest=f"new {n}")))

    assert results.count(True) == 1
    found = keys.find_main("a1")
    assert found
    assert found.digest == f"new {results.index(True)}"


def test_keys_go_with_their_own_assistant(keys: ApiKeyRepository) -> None:
    mine, other = api_key(assistant_id="a1"), api_key(assistant_id="a2")
    keys.add(mine)
    keys.add(other)

    keys.remove_for_assistant("a1")

    assert keys.find_main("a1") is None
    assert keys.find_by_digests([mine.digest]) is None
    assert keys.find_main("a2") == other
