"""People whom an owner lets in, and what each of them sees and does."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.route_table import UNKNOWN_ID
from tests.support.running import Bot, Person, Server

ROLES = ("viewer", "attendant", "editor")


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


@pytest.fixture(scope="module")
def people(server: Server, admin: Person) -> dict[str, Person]:
    return {role: server.register() for role in ROLES}


@pytest.fixture
def shared(owner: Person, people: dict[str, Person]) -> Bot:
    """Return an assistant of the owner with a member of each role."""
    return owner.create_assistant(members=of(people))


def of(people: dict[str, Person]) -> list[dict[str, str]]:
    return [{"user_id": person.id, "role": role} for role, person in people.items()]


def get(person: Person, assistant_id: str) -> dict[str, Any]:
    answer = person.http.get(f"/assistants/get/{assistant_id}")
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def update(person: Person, assistant_id: str, **fields: Any) -> httpx2.Response:
    return person.http.put(f"/assistants/update/{assistant_id}", json=fields)


def fields_of(answer: httpx2.Response) -> set[str]:
    assert answer.status_code == 422, answer.text
    return set(answer.json()["error"]["fields"])


def test_the_key_is_shown_to_those_who_may_change_the_assistant(
    owner: Person, admin: Person, people: dict[str, Person], shared: Bot
) -> None:
    everybody = {**people, "owner": owner, "admin": admin}
    whole = get(owner, shared.id)
    for role, person in everybody.items():
        key = None if role in {"viewer", "attendant"} else shared.key
        assert get(person, shared.id) == whole | {"api_key": key}
        listed = person.http.get("/assistants/list").json()
        (found,) = (row for row in listed if row["_id"] == shared.id)
        assert found == whole | {"api_key": key}
        text = person.http.get("/assistants/list").text
        assert (shared.key in text) is (key is not None)


def test_a_list_shows_what_one_owns_and_what_one_was_let_into(
    server: Server, admin: Person, owner: Person
) -> None:
    person = server.register()
    mine = [person.create_assistant().id for _ in range(2)]
    member = [{"user_id": person.id, "role": "viewer"}]
    theirs = [owner.create_assistant(members=member).id for _ in range(2)]
    owner.create_assistant()
    last = person.create_assistant().id

    walked, address = [], "/assistants/list?limit=2"
    while address:
        answer = person.http.get(address)
        assert answer.headers["X-Total-Count"] == "5"
        walked += [row["_id"] for row in answer.json()]
        address = answer.links["next"]["url"] if "Link" in answer.headers else ""

    assert walked == [*mine, *theirs, last][::-1]


def test_chats_documents_and_usage_come_with_the_role(
    server: Server, admin: Person, owner: Person
) -> None:
    person = server.register()
    shared = owner.create_assistant()
    owner.upload(shared, "hours.md", "# Hours\n\nNine to five.").raise_for_status()
    shared.post("Hello").raise_for_status()
    lists = ("/chats/list", "/documents/list", "/usage?group_by=assistant")
    for path in lists:
        assert person.http.get(path).json() == []

    members = [{"user_id": person.id, "role": "viewer"}]
    update(owner, shared.id, members=members).raise_for_status()

    for path in lists:
        seen = person.http.get(path).json()
        assert [row["assistant_id"] for row in seen] == [shared.id], path
        joined = "&" if "?" in path else "?"
        narrowed = person.http.get(f"{path}{joined}assistant_id={shared.id}").json()
        assert narrowed == seen

    update(owner, shared.id, members=[]).raise_for_status()
    for path in lists:
        assert person.http.get(path).json() == []
        joined = "&" if "?" in path else "?"
        answer = person.http.get(f"{path}{joined}assistant_id={shared.id}")
        assert answer.status_code == 404


def test_only_owner_and_admin_change_the_members(
    owner: Person, admin: Person, people: dict[str, Person], shared: Bot
) -> None:
    editor = people["editor"]
    before = get(editor, shared.id)
    kept = [m for m in before["members"] if m["role"] != "viewer"]
    raised = [{**m, "role": "editor"} for m in before["members"]]
    for changed in ([], kept, raised, [*before["members"], before["members"][0]]):
        assert update(editor, shared.id, members=changed).status_code == 403
    assert get(editor, shared.id) == before

    whole = update(editor, shared.id, **before | {"name": "New"})
    assert whole.status_code == 200
    assert whole.json()["members"] == before["members"]
    reordered = before["members"][::-1]
    assert update(editor, shared.id, members=reordered).status_code == 200

    for person in (owner, admin):
        assert update(person, shared.id, members=kept).json()["members"] == kept
        update(person, shared.id, members=before["members"]).raise_for_status()


def test_members_are_users_once_each_and_not_the_owner(
    owner: Person, admin: Person, stranger: Person, shared: Bot
) -> None:
    before = get(owner, shared.id)
    person = {"user_id": stranger.id, "role": "viewer"}
    for wrong, place in (
        ([person, {**person, "role": "editor"}], 1),
        ([person, {"user_id": UNKNOWN_ID, "role": "viewer"}], 1),
        ([{"user_id": owner.id, "role": "editor"}], 0),
        ([{"user_id": "", "role": "editor"}], 0),
        ([{"user_id": stranger.email, "role": "editor"}], 0),
    ):
        for by in (owner, admin):
            answer = update(by, shared.id, members=wrong)
            assert fields_of(answer) == {f"members.{place}.user_id"}
        added = owner.http.post("/assistants/add", json={"name": "x", "members": wrong})
        assert fields_of(added) == {f"members.{place}.user_id"}
    assert get(owner, shared.id) == before


@pytest.mark.parametrize("role", ["owner", "admin", "Viewer", "", 1, None, ["editor"]])
def test_other_roles_are_not_given(owner: Person, bot: Bot, role: Any) -> None:
    members = [{"user_id": UNKNOWN_ID, "role": role}]

    assert fields_of(update(owner, bot.id, members=members)) == {"members.0.role"}


def test_an_editor_does_not_take_the_assistant_over(
    people: dict[str, Person], owner: Person, shared: Bot
) -> None:
    editor = people["editor"]
    for owner_id in (editor.id, people["viewer"].id, UNKNOWN_ID):
        answer = update(editor, shared.id, owner_id=owner_id)
        assert fields_of(answer) == {"owner_id"}
    assert get(owner, shared.id)["owner_id"] == owner.id


def test_a_new_owner_is_no_member_any_more(
    admin: Person, owner: Person, people: dict[str, Person], shared: Bot
) -> None:
    whole = get(admin, shared.id)

    given = update(admin, shared.id, **whole | {"owner_id": people["editor"].id})

    body = given.json()
    assert given.status_code == 200
    assert body["owner_id"] == people["editor"].id
    assert body["members"] == [m for m in whole["members"] if m["role"] != "editor"]
    assert owner.http.get(f"/assistants/get/{shared.id}").status_code == 404
    assert people["editor"].http.delete(f"/assistants/delete/{shared.id}").is_success


def test_a_lowered_role_counts_at_the_next_request(
    owner: Person, people: dict[str, Person], shared: Bot
) -> None:
    editor = people["editor"]
    assert update(editor, shared.id, name="Mine").is_success

    lowered = [{"user_id": editor.id, "role": "viewer"}]
    update(owner, shared.id, members=lowered).raise_for_status()

    assert update(editor, shared.id, name="Still mine").status_code == 403
    assert get(editor, shared.id)["api_key"] is None
    update(owner, shared.id, members=[]).raise_for_status()
    assert editor.http.get(f"/assistants/get/{shared.id}").status_code == 404


def test_takeover_settings_change_by_their_parts(owner: Person, bot: Bot) -> None:
    wanted = {
        "return_after_minutes": 30,
        "contact_keywords": ["atendente"],
        "release_keywords": ["robô"],
    }
    assert update(owner, bot.id, takeover=wanted).json()["takeover"] == wanted

    changed = update(owner, bot.id, takeover={"return_after_minutes": None})

    assert changed.json()["takeover"] == wanted | {"return_after_minutes": None}
    assert get(owner, bot.id) == changed.json()
