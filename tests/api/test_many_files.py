"""Several files in one request."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server
from tests.support.things import further_key

MEGABYTE = 1024 * 1024
BOUNDARY = "between-the-parts"
Files = list[tuple[str, str | bytes]]


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {"max_upload_mb": 1, "assistant_quota_mb": 3, "assistant_quota_files": 5}


def send(
    person: Person, assistant_id: str, files: Files, **form: str
) -> httpx2.Response:
    return person.http.post(
        "/documents/add-many",
        data={"assistant_id": assistant_id} | form,
        files=[
            ("files", (name, data.encode() if isinstance(data, str) else data))
            for name, data in files
        ],
    )


def outcomes(person: Person, bot: Bot, files: Files, **form: str) -> list[Any]:
    answer = send(person, bot.id, files, **form)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()
    return found


def codes(found: list[Any]) -> list[str | None]:
    return [one["error"] and one["error"]["code"] for one in found]


def names_of(person: Person, bot: Bot) -> list[str]:
    rows = person.http.get("/documents/list", params={"assistant_id": bot.id}).json()
    return sorted(row["filename"] for row in rows)


def files_of(server: Server) -> list[Path]:
    return [p for p in server.settings.documents_dir.rglob("*") if p.is_file()]


def test_each_file_becomes_a_document(owner: Person, bot: Bot) -> None:
    files: Files = [("b.md", "# Hours"), ("a.txt", "From nine."), ("ç.csv", "a\n1\n")]

    found = outcomes(owner, bot, files)

    assert [one["filename"] for one in found] == ["b.md", "a.txt", "ç.csv"]
    assert codes(found) == [None, None, None]
    for one in found:
        assert set(one) == {"filename", "document", "error"}
        shown = owner.indexed(one["document"]["_id"])
        assert one["document"]["filename"] == shown["filename"] == one["filename"]
        assert one["document"]["status"] == "queued"
        assert (shown["type"], shown["status"]) == ("rag", "ready")
    down = owner.http.get(f"/documents/download/{found[1]['document']['_id']}")
    assert down.text == "From nine."


def test_a_bad_file_keeps_no_other_out(owner: Person, bot: Bot) -> None:
    owner.upload(bot, "there.md", "Already.")
    files: Files = [
        ("first.md", "Good."),
        ("there.md", "Other."),
        ("x.exe", b"MZ"),
        ("empty.md", " \n"),
        ("x.pdf", "No PDF."),
        ("large.md", b"a line\n" * 150_000),
        ("..", "No name."),
        ("last.md", "Good too."),
    ]

    found = outcomes(owner, bot, files)

    assert [one["filename"] for one in found] == [name for name, _ in files]
    assert codes(found) == [
        None,
        "document_exists",
        "document_type_unsupported",
        "document_empty",
        "document_not_read",
        "document_too_large",
        "invalid_input",
        None,
    ]
    assert [one["document"] is None for one in found] == [
        one["error"] is not None for one in found
    ]
    assert names_of(owner, bot) == ["first.md", "last.md", "there.md"]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_an_error_has_the_usual_shape_and_the_readers_language(
    owner: Person, bot: Bot
) -> None:
    form = {"assistant_id": bot.id}
    files = [("files", ("empty.md", b"")), ("files", ("..", b"x"))]
    answers = [
        owner.http.post(
            "/documents/add-many",
            data=form,
            files=files,
            headers={"Accept-Language": language},
        )
        for language in ("en", "pt-BR")
    ]

    (empty, nameless), (vazio, _) = (
        [one["error"] for one in answer.json()] for answer in answers
    )
    assert set(empty) == {"code", "message", "request_id"}
    assert empty["message"] != vazio["message"]
    assert list(nameless["fields"]) == ["file"]
    assert nameless["request_id"] == answers[0].headers["X-Request-ID"]


def test_files_replace_where_that_is_asked_for(owner: Person, bot: Bot) -> None:
    [first] = outcomes(owner, bot, [("a.md", "Old.")])
    owner.indexed(first["document"]["_id"])

    found = outcomes(
        owner, bot, [("a.md", "New."), ("b.md", "B."), ("b.md", "B 2.")], replace="true"
    )

    assert codes(found) == [None, None, None]
    assert found[0]["document"]["_id"] == first["document"]["_id"]
    assert names_of(owner, bot) == ["a.md", "b.md"]


def test_one_name_twice_is_taken_once(owner: Person, bot: Bot) -> None:
    found = outcomes(owner, bot, [("a.md", "One."), ("a.md", "Two.")])

    assert codes(found) == [None, "document_exists"]


def test_what_no_longer_fits_is_told_by_file(owner: Person, bot: Bot) -> None:
    large = b"a line\n" * 140_000  # 980 kB
    files: Files = [(f"{n}.md", large) for n in range(3)]

    found = outcomes(owner, bot, [*files, ("3.md", large), ("small.md", "Fits.")])
    more = outcomes(owner, bot, [("4.md", "Fits."), ("5.md", "Is one too many.")])

    assert codes(found) == [None, None, None, "document_quota_exceeded", None]
    assert codes(more) == [None, "document_quota_exceeded"]
    assert more[1]["error"]["message"].endswith(": 5.")
    assert names_of(owner, bot) == ["0.md", "1.md", "2.md", "4.md", "small.md"]


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_a_request_takes_so_many_files(owner: Person, bot: Bot) -> None:
    files: Files = [(f"{n}.exe", b"x") for n in range(101)]

    refused = send(owner, bot.id, files)

    assert refused.status_code == 422
    assert "100" in refused.json()["error"]["fields"]["files"]
    assert len(outcomes(owner, bot, files[:100])) == 100


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize(
    ("language", "words"), [("en", "must be a list"), ("pt-BR", "deve ser uma lista")]
)
def test_a_form_without_files_is_refused(
    owner: Person, bot: Bot, language: str, words: str
) -> None:
    for extra in ({}, {"files": "no file"}):
        answer = owner.http.post(
            "/documents/add-many",
            data={"assistant_id": bot.id} | extra,
            files={"other": ("a.md", b"x")},
            headers={"Accept-Language": language},
        )
        assert answer.status_code == 422
        assert answer.json()["error"]["fields"] == {"files": words}


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_only_who_may_change_the_assistant_sends_files(
    server: Server, owner: Person, stranger: Person, bot: Bot
) -> None:
    files: Files = [("a.md", "Text.")]
    viewer = server.register()
    members = [{"user_id": viewer.id, "role": "attendant"}]
    owner.http.put(f"/assistants/update/{bot.id}", json={"members": members})
    other = stranger.create_assistant()

    assert send(viewer, bot.id, files).status_code == 403
    for assistant_id in (bot.id, "6b0158e719637aa53a05b563"):
        answer = send(stranger, assistant_id, files)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "assistant_not_found"
    assert names_of(owner, bot) == []
    secret = further_key(owner, bot.id, "documents")["secret"]
    keyed = server.client({"X-API-Key": secret})
    for assistant_id, status in ((bot.id, 200), (other.id, 404)):
        answer = keyed.post(
            "/documents/add-many",
            data={"assistant_id": assistant_id},
            files={"files": ("a.md", b"Text.")},
        )
        assert answer.status_code == status


# Sizes: five times the largest file together


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_files_may_be_larger_together_than_one_may_be(owner: Person, bot: Bot) -> None:
    files: Files = [(f"{n}.exe", b"x" * MEGABYTE) for n in range(4)]

    assert codes(outcomes(owner, bot, files)) == ["document_type_unsupported"] * 4


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_limit_is_refused_and_leaves_nothing(
    server: Server,
    owner: Person,
    bot: Bot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    chunked: bool,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = files_of(server)
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files";'
        ' filename="huge.md"\r\n\r\n'
    )
    parts = [head.encode(), *[b"x" * 65536] * 100]

    answer = owner.http.post(
        "/documents/add-many",
        content=iter(parts) if chunked else b"".join(parts),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )

    assert answer.status_code == 413
    assert names_of(owner, bot) == []
    assert files_of(server) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("server", ["embedded"], indirect=True)
def test_other_routes_take_no_more_than_before(owner: Person, bot: Bot) -> None:
    answer = owner.upload(bot, "huge.md", b"x" * (3 * MEGABYTE))

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"
