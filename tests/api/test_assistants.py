"""Assistants, as their owners keep them."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.route_table import ASSISTANT, UNKNOWN_ID
from tests.support.running import Bot, Person, Server
from tests.support.second import bare_store, second_server
from tests.support.waiting import until

EMBEDDED = pytest.mark.parametrize("server", ["embedded"], indirect=True)
WITHIN = 2.0
SHOWN = {
    "_id",
    "name",
    "company",
    "owner_id",
    "api_key",
    "instructions",
    "model",
    "temperature",
    "max_tokens",
    "retrieval",
    "history",
    "members",
    "takeover",
    "createdAt",
    "updatedAt",
}


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {}


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


# Creating


def test_a_name_is_enough(owner: Person) -> None:
    answer = owner.http.post("/assistants/add", json={"name": "Loja"})

    body = answer.json()
    assert answer.status_code == 201
    assert set(body) == SHOWN | {"id"}
    assert body["id"] == body["_id"]
    assert answer.headers["Location"] == f"/assistants/get/{body['_id']}"
    assert body["owner_id"] == owner.id
    assert body["api_key"].startswith("sk_")
    assert len(body["api_key"]) == 3 + 43
    assert body["instructions"] == ""
    assert body["retrieval"] == {
        "enabled": True,
        "passages": 6,
        "min_score": None,
        "citations": True,
    }
    assert body["history"] == {"messages": 20}
    assert body["members"] == []
    assert body["takeover"] == {
        "return_after_minutes": None,
        "contact_keywords": [],
        "release_keywords": [],
    }
    assert {
        body[name] for name in ("company", "model", "temperature", "max_tokens")
    } == {None}
    assert body["createdAt"] == body["updatedAt"]
    assert body["createdAt"].endswith("Z")
    assert len(body["createdAt"]) == len("2026-11-20T08:30:00.123Z")


def test_every_writable_field_may_be_given_at_once(owner: Person) -> None:
    made = owner.http.post("/assistants/add", json=ASSISTANT).json()

    assert {name: made[name] for name in ASSISTANT} == ASSISTANT
    found = get(owner, made["_id"])
    assert found == {name: made[name] for name in SHOWN}


@EMBEDDED
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x"),
        ("name", "x" * 120),
        ("name", "Café 🤖 {{7*7}} ${HOME} %PATH% {0.__class__}"),
        ("instructions", "x" * 100_000),
        ("instructions", "two\nlines\r\nand <b>more</b>"),
        ("temperature", 0),
        ("temperature", 2.0),
        ("max_tokens", 1),
        ("company", None),
        ("model", None),
        (
            "takeover",
            {
                "return_after_minutes": 10_080,
                "contact_keywords": ["x" * 100, "falar com gente", "$where"],
                "release_keywords": ["🤖"],
            },
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_good_value_is_kept_as_it_is(owner: Person, field: str, value: Any) -> None:
    made = owner.http.post("/assistants/add", json={"name": "x"} | {field: value})

    assert made.status_code == 201
    assert get(owner, made.json()["_id"])[field] == value


@EMBEDDED
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " "),
        ("name", "x" * 121),
        ("name", None),
        ("instructions", "x" * 100_001),
        ("instructions", None),
        ("temperature", -0.1),
        ("temperature", 2.1),
        ("temperature", "1"),
        ("temperature", True),
        ("max_tokens", 0),
        ("max_tokens", 1.5),
        ("max_tokens", True),
        ("model", ""),
        ("retrieval", {"passages": 51}),
        ("retrieval", {"min_score": -1}),
        ("retrieval", {"enabled": "yes"}),
        ("retrieval", None),
        ("history", {"messages": -1}),
        ("history", None),
        ("takeover", None),
        ("takeover", {"hours": None}),
        ("takeover", {"return_after_minutes": 0}),
        ("takeover", {"return_after_minutes": 10_081}),
        ("takeover", {"return_after_minutes": 1.5}),
        ("takeover", {"contact_keywords": ["x"] * 21}),
        ("takeover", {"contact_keywords": ["x" * 101]}),
        ("takeover", {"contact_keywords": [" "]}),
        ("takeover", {"release_keywords": "robot"}),
        ("takeover", {"release_keywords": None}),
        ("members", None),
        ("members", {}),
        ("members", [{"user_id": UNKNOWN_ID, "role": "viewer"}]),
        ("members", [{"user_id": UNKNOWN_ID, "role": "owner"}]),
        ("members", [{"user_id": UNKNOWN_ID, "role": 3}]),
        ("members", [{"user_id": UNKNOWN_ID}]),
        ("members", [{"role": "viewer"}]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_value_is_refused_when_created_and_when_changed(
    owner: Person, bot: Bot, field: str, value: Any
) -> None:
    before = get(owner, bot.id)

    added = owner.http.post("/assistants/add", json={"name": "x"} | {field: value})
    updated = update(owner, bot.id, **{field: value})

    assert {name.split(".")[0] for name in fields_of(added)} == {field}
    assert {name.split(".")[0] for name in fields_of(updated)} == {field}
    assert get(owner, bot.id) == before


def test_only_an_admin_creates_for_somebody_else(
    admin: Person, owner: Person, stranger: Person
) -> None:
    def add(person: Person, owner_id: Any) -> httpx2.Response:
        return person.http.post(
            "/assistants/add", json={"name": "x", "owner_id": owner_id}
        )

    assert add(owner, owner.id).json()["owner_id"] == owner.id
    assert add(owner, None).json()["owner_id"] == owner.id
    assert add(owner, stranger.id).status_code == 403
    assert add(owner, UNKNOWN_ID).status_code == 403
    assert add(admin, owner.id).json()["owner_id"] == owner.id
    assert fields_of(add(admin, UNKNOWN_ID)) == {"owner_id"}


# Changing


def test_what_get_gave_may_be_sent_back_whole(owner: Person, admin: Person) -> None:
    made = owner.http.post("/assistants/add", json=ASSISTANT).json()

    for person in (owner, admin):
        whole = get(person, made["_id"])
        answer = update(person, made["_id"], **whole, id=made["_id"])
        assert answer.status_code == 200
        changed = answer.json()
        assert changed.pop("updatedAt") >= whole.pop("updatedAt")
        assert changed == whole


def test_a_change_leaves_the_rest_as_it_is(owner: Person) -> None:
    made = owner.http.post("/assistants/add", json=ASSISTANT).json()
    time.sleep(0.002)

    answer = update(owner, made["_id"], name="New", retrieval={"passages": 2})

    body = answer.json()
    assert body["name"] == "New"
    assert body["retrieval"] == ASSISTANT["retrieval"] | {"passages": 2}  # type: ignore[operator]
    assert body["updatedAt"] > made["updatedAt"]
    for name in SHOWN - {"name", "retrieval", "updatedAt"}:
        assert body[name] == made[name]
    assert get(owner, made["_id"]) == body


def test_an_empty_change_changes_nothing(owner: Person, bot: Bot) -> None:
    before = get(owner, bot.id)

    assert update(owner, bot.id).json() == before


def test_fields_that_may_be_null_can_be_emptied(owner: Person) -> None:
    made = owner.http.post("/assistants/add", json=ASSISTANT).json()
    empty = dict.fromkeys(("company", "model", "temperature", "max_tokens"))

    body = update(owner, made["_id"], **empty).json()

    assert {name: body[name] for name in empty} == empty


@EMBEDDED
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("_id", UNKNOWN_ID),
        ("_id", None),
        ("id", UNKNOWN_ID),
        ("api_key", "sk_another"),
        ("createdAt", "2020-01-01T00:00:00.000Z"),
        ("updatedAt", "2020-01-01T00:00:00.000Z"),
        ("createdAt", "yesterday"),
        ("createdAt", ""),
    ],
)
def test_a_read_only_field_that_differs_is_refused(
    owner: Person, bot: Bot, field: str, value: Any
) -> None:
    before = get(owner, bot.id)

    answer = update(owner, bot.id, name="Other", **{field: value})

    assert fields_of(answer) == {field}
    assert get(owner, bot.id) == before


def test_times_are_compared_as_instants(owner: Person, bot: Bot) -> None:
    whole = get(owner, bot.id)
    moment = whole["createdAt"].removesuffix("Z")
    for same in (moment, moment + "+00:00", moment + "000Z", moment.replace("T", " ")):
        assert update(owner, bot.id, createdAt=same).status_code == 200
    hour = (int(moment[11:13]) + 3) % 24
    if hour >= 3:
        later = f"{moment[:11]}{hour:02}{moment[13:]}+03:00"
        assert update(owner, bot.id, createdAt=later).status_code == 200
    assert fields_of(update(owner, bot.id, createdAt=moment + "-03:00")) == {
        "createdAt"
    }


def test_a_key_that_is_null_is_ignored(owner: Person, bot: Bot) -> None:
    assert update(owner, bot.id, api_key=None).json()["api_key"] == bot.key


def test_only_an_admin_gives_an_assistant_away(
    admin: Person, owner: Person, stranger: Person, bot: Bot
) -> None:
    assert update(owner, bot.id, owner_id=owner.id).status_code == 200
    for other in (stranger.id, UNKNOWN_ID):
        assert fields_of(update(owner, bot.id, owner_id=other)) == {"owner_id"}
    assert fields_of(update(owner, bot.id, owner_id=None)) == {"owner_id"}
    assert fields_of(update(admin, bot.id, owner_id=UNKNOWN_ID)) == {"owner_id"}

    given = update(admin, bot.id, owner_id=stranger.id)

    assert given.json()["owner_id"] == stranger.id
    assert get(stranger, bot.id)["api_key"] == bot.key
    assert owner.http.get(f"/assistants/get/{bot.id}").status_code == 404
    assert bot.post("Still here?").status_code == 200


# Lists


def test_a_list_is_walked_without_a_gap_or_a_double(
    server: Server, admin: Person
) -> None:
    person = server.register()
    made = [person.create_assistant(name=str(number)).id for number in range(11)]

    for size in (1, 3, 5, 11, 12):
        walked, address = [], f"/assistants/list?limit={size}"
        while address:
            answer = person.http.get(address)
            assert answer.headers["X-Total-Count"] == "11"
            page = answer.json()
            assert 0 < len(page) <= size
            walked += [row["_id"] for row in page]
            address = answer.links["next"]["url"] if "Link" in answer.headers else ""
        assert walked == made[::-1]


def test_a_newcomer_does_not_shift_the_pages(server: Server, admin: Person) -> None:
    person = server.register()
    made = [person.create_assistant().id for _ in range(4)]
    first = person.http.get("/assistants/list?limit=2")

    person.create_assistant()
    second = person.http.get(first.links["next"]["url"])

    assert [row["_id"] for row in first.json() + second.json()] == made[::-1]


def test_a_list_shows_ones_own_and_an_admin_all(
    admin: Person, owner: Person, stranger: Person, bot: Bot
) -> None:
    assert bot.id in listed(owner)
    assert bot.id in listed(admin)
    assert bot.id not in listed(stranger)
    assert {row["owner_id"] for row in listed(owner).values()} == {owner.id}
    assert listed(owner)[bot.id] == get(owner, bot.id)


def listed(person: Person) -> dict[str, dict[str, Any]]:
    return {row["_id"]: row for row in person.http.get("/assistants/list").json()}


@EMBEDDED
def test_an_assistant_without_an_owner_is_nobodys(
    server: Server, owner: Person, stranger: Person, bot: Bot
) -> None:
    for orphaned in (None, ""):
        with bare_store(server) as store:
            store["assistants"].update_one(
                {"_id": bot.id}, {"$set": {"owner_id": orphaned}}
            )
        for person in (owner, stranger):
            assert bot.id not in listed(person)
            assert person.http.get(f"/assistants/get/{bot.id}").status_code == 404
    with bare_store(server) as store:
        store["assistants"].delete_one({"_id": bot.id})


# The key


def rotate(person: Person, bot: Bot, **body: Any) -> httpx2.Response:
    return person.http.post(f"/assistants/{bot.id}/rotate-key", json=body)


def test_a_rotated_key_dies_within_a_second_in_every_process(
    server: Server, owner: Person, bot: Bot, tmp_path: Path
) -> None:
    with cheap_passwords(), second_server(server, tmp_path) as second:
        there = second.bot(bot.id, bot.key)
        assert there.post("Hello").status_code == 200

        answer = owner.http.post(f"/assistants/{bot.id}/rotate-key")

        began = time.monotonic()
        new = answer.json()["api_key"]
        assert new != bot.key
        assert bot.post("Hello").status_code == 401
        while there.post("Hello").status_code != 401:
            assert time.monotonic() - began < WITHIN
        assert second.bot(bot.id, new).post("Hello").status_code == 200
        assert get(owner, bot.id)["api_key"] == new


def test_an_old_key_opens_during_its_grace_and_not_after(
    server: Server, owner: Person, bot: Bot
) -> None:
    new = server.bot(bot.id, rotate(owner, bot, grace_seconds=3600).json()["api_key"])

    assert bot.post("Old").status_code == 200
    assert new.post("New").status_code == 200
    with bare_store(server) as store:
        row = store["api_keys"].find_one({"assistant_id": bot.id})
        assert row is not None
        store["api_keys"].update_one(
            {"_id": row["_id"]}, {"$set": {"previous_until": row["created_at"]}}
        )
    until(lambda: bot.post("Old").status_code == 401)
    assert new.post("New").status_code == 200


def test_a_second_rotation_ends_the_first_ones_grace(
    server: Server, owner: Person, bot: Bot
) -> None:
    second = server.bot(bot.id, rotate(owner, bot, grace_seconds=60).json()["api_key"])
    third = server.bot(bot.id, rotate(owner, bot).json()["api_key"])

    assert [key.post("Hi").status_code for key in (bot, second, third)] == [
        401,
        401,
        200,
    ]


@EMBEDDED
@pytest.mark.parametrize("grace", [-1, 1.5, "60", True, 10**9, None])
def test_a_grace_that_is_none_is_refused(owner: Person, bot: Bot, grace: Any) -> None:
    assert fields_of(rotate(owner, bot, grace_seconds=grace)) == {"grace_seconds"}
    assert bot.post("Hello").status_code == 200


def test_a_key_is_stored_as_a_digest_and_sealed(
    server: Server, owner: Person, bot: Bot
) -> None:
    with bare_store(server) as store:
        row = str(store["api_keys"].find_one({"assistant_id": bot.id}))

    assert bot.key not in row
    assert bot.key[3:] not in row
    assert bot.key[-8:] not in row


# Deleting


def test_an_assistant_takes_everything_along(
    server: Server, owner: Person, admin: Person, bot: Bot, tmp_path: Path
) -> None:
    update(owner, bot.id, instructions="Be kind.").raise_for_status()
    document = owner.upload(bot, "hours.md", "# Hours\n\nFrom nine to five.").json()
    chat = bot.post("When?").json()["chat_id"]
    folder = server.settings.documents_dir / bot.id
    assert (folder / "prompt.txt").is_file()

    answer = owner.http.delete(f"/assistants/delete/{bot.id}")

    assert (answer.status_code, answer.json()) == (
        200,
        {"_id": bot.id, "deleted": True},
    )
    for path in (
        f"/assistants/get/{bot.id}",
        f"/documents/get/{document['_id']}",
        f"/documents/download/{document['_id']}",
        f"/chats/get/{chat}",
        f"/chats/{chat}/messages",
        f"/chats/list?assistant_id={bot.id}",
    ):
        assert owner.http.get(path).status_code == 404
        assert admin.http.get(path).status_code == 404
    assert owner.http.delete(f"/assistants/delete/{bot.id}").status_code == 404
    assert update(owner, bot.id, name="x").status_code == 404
    assert bot.post("Hello?").status_code == 401
    assert not folder.exists()
    with bare_store(server) as store:
        [mark] = store["assistants"].find({"_id": bot.id})
        assert set(mark) == {"_id", "deleted_at"}  # until what was under way is done
        for name in ("api_keys", "chats", "messages", "documents", "chunks"):
            left = store[name].count_documents(
                {"$or": [{"_id": bot.id}, {"assistant_id": bot.id}, {"chat_id": chat}]}
            )
            assert left == 0, name
        assert store["usage"].count_documents({"assistant_id": bot.id}) > 0


# Instructions and the prompt document are one thing


def prompt_of(person: Person, bot: Bot) -> list[dict[str, Any]]:
    query = {"assistant_id": bot.id, "type": "prompt"}
    found: list[dict[str, Any]] = person.http.get(
        "/documents/list", params=query
    ).json()
    return found


def test_setting_the_instructions_sets_the_prompt_document(
    server: Server, owner: Person, bot: Bot
) -> None:
    assert prompt_of(owner, bot) == []

    for words in ("Be kind.", "Seja gentil e não prometa nada."):
        update(owner, bot.id, instructions=words).raise_for_status()
        (document,) = prompt_of(owner, bot)
        assert document["filepath"] == f"{bot.id}/prompt.txt"
        assert document["filename"] == "prompt.txt"
        assert document["status"] == "ready"
        assert document["size"] == len(words.encode())
        on_disk = server.settings.documents_dir / document["filepath"]
        assert on_disk.read_text() == words
        down = owner.http.get(f"/documents/download/{document['_id']}")
        assert down.content.decode() == words


def test_uploading_a_prompt_sets_the_instructions(
    server: Server, owner: Person, bot: Bot
) -> None:
    update(owner, bot.id, instructions="Old words.").raise_for_status()

    answer = owner.upload(bot, "Nova voz.md", "# Seja breve\r\n", kind="prompt")

    assert answer.status_code == 201
    document = answer.json()
    assert document["filename"] == "Nova voz.md"
    assert document["filepath"] == f"{bot.id}/prompt.md"
    assert get(owner, bot.id)["instructions"] == "# Seja breve\n"
    assert [row["_id"] for row in prompt_of(owner, bot)] == [document["_id"]]
    folder = server.settings.documents_dir / bot.id
    assert sorted(path.name for path in folder.glob("prompt.*")) == ["prompt.md"]


def test_emptying_either_empties_both(server: Server, owner: Person) -> None:
    for empty in ("instructions", "document"):
        bot = owner.create_assistant(instructions="Be kind.")
        (document,) = prompt_of(owner, bot)
        if empty == "instructions":
            update(owner, bot.id, instructions="").raise_for_status()
        else:
            path = f"/documents/delete/{document['_id']}"
            owner.http.delete(path).raise_for_status()
        assert prompt_of(owner, bot) == []
        assert get(owner, bot.id)["instructions"] == ""
        assert not (server.settings.documents_dir / document["filepath"]).exists()


@EMBEDDED
def test_a_prompt_that_is_too_long_is_refused(owner: Person, bot: Bot) -> None:
    answer = owner.upload(bot, "long.txt", "x" * 100_001, kind="prompt")

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "document_too_large"
    assert (
        owner.upload(bot, "long.txt", "x" * 100_000, kind="prompt").status_code == 201
    )
