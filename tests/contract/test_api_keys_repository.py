from dataclasses import replace

from app.models.api_key import KeyScope
from app.models.page import PageRequest
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


def test_further_keys_stand_beside_the_main_one(keys: ApiKeyRepository) -> None:
    main, other = api_key(), api_key(assistant_id="a2", main=False)
    further = [
        api_key(
            main=False,
            name=f"Reports 🌵 {number}",
            scopes=(KeyScope.READ, KeyScope.DOCUMENTS),
            sealed=None,
            expires_at=later(60),
            created_at=later(number),
        )
        for number in range(3)
    ]
    for key in (further[1], main, further[0], other, further[2]):
        keys.add(key)

    first = keys.list_further("a1", PageRequest(limit=2))
    rest = keys.list_further("a1", PageRequest(limit=2, after=first.next))
    assert [*first.items, *rest.items] == further[::-1]
    assert first.total == keys.count_further("a1") == 3
    assert keys.find_main("a1") == main
    assert keys.find_main_for(["a1", "a2"]) == {"a1": main}
    assert keys.find_main("a2") is None
    assert keys.find_by_digests([further[1].digest]) == further[1]
    assert keys.find_further("a1", further[1].id) == further[1]
    for assistant_id, key in (("a1", main), ("a1", other), ("a2", further[1])):
        assert keys.find_further(assistant_id, key.id) is None


def test_a_further_key_is_removed_once_and_alone(keys: ApiKeyRepository) -> None:
    main, one, other = api_key(), api_key(main=False), api_key(main=False)
    for key in (main, one, other):
        keys.add(key)

    assert not keys.remove_further("a1", main.id)
    assert not keys.remove_further("a2", one.id)
    assert at_once(lambda _: keys.remove_further("a1", one.id)).count(True) == 1

    assert keys.find_by_digests([one.digest]) is None
    assert keys.list_further("a1", PageRequest()).items == [other]
    assert keys.find_main("a1") == main


def test_keys_go_with_their_own_assistant(keys: ApiKeyRepository) -> None:
    mine, other = api_key(assistant_id="a1"), api_key(assistant_id="a2")
    keys.add(mine)
    keys.add(api_key(assistant_id="a1", main=False))
    keys.add(other)

    keys.remove_for_assistant("a1")

    assert keys.find_main("a1") is None
    assert keys.count_further("a1") == 0
    assert keys.find_by_digests([mine.digest]) is None
    assert keys.find_main("a2") == other
