"""Uploads that mean harm, or are merely odd."""

import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from tests.support.quick import cheap_passwords
from tests.support.raw_http import exchange
from tests.support.running import Bot, Person, Server, running

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)

LIMIT = 1024 * 1024
BOUNDARY = "between-the-parts"


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {"max_upload_mb": 1, "assistant_quota_mb": 2}


def code(answer: httpx2.Response) -> str:
    return str(answer.json()["error"]["code"])


def names_of(owner: Person, bot: Bot) -> list[str]:
    rows = owner.http.get("/documents/list", params={"assistant_id": bot.id}).json()
    return sorted(row["filename"] for row in rows)


def files_of(server: Server) -> list[str]:
    root = server.settings.documents_dir
    return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())


def named_upload(
    owner: Person, bot: Bot, disposition: bytes, data: bytes = b"Some text."
) -> httpx2.Response:
    """Upload a file whose part's header says what ``disposition`` says."""
    parts = [
        b'Content-Disposition: form-data; name="type"\r\n\r\nrag',
        f'Content-Disposition: form-data; name="assistant_id"\r\n\r\n{bot.id}'.encode(),
        b'Content-Disposition: form-data; name="file"; '
        + disposition
        + b"\r\n\r\n"
        + data,
    ]
    mark = f"--{BOUNDARY}".encode()
    body = (
        b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts) + mark + b"--\r\n"
    )
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return owner.http.post(
        "/documents/add", content=body, headers={"Content-Type": kind}
    )


# Names

ODD_NAMES = {
    "../../x.md": "x.md",
    "..\\..\\y.md": "y.md",
    "/etc/passwd.txt": "passwd.txt",
    "%2e%2e%2fz.md": "_2e_2e_2fz.md",
    "．．／wide.md": "wide.md",
    "a" * 400 + ".md": "a" * 117 + ".md",
    "é" * 100 + ".md": "é" * 58 + ".md",
    ".htaccess.txt": "htaccess.txt",
    "CON.txt": "_CON.txt",
    "nul.md": "_nul.md",
    "документ.txt": "документ.txt",
    "invoice\u202ecod.md": "invoicecod.md",
    "tab\there.md": "tabhere.md",
    "line\r\nfeed: x.md": "linefeed_ x.md",
    "nul\0byte.md": "nulbyte.md",
    'quote".md': "quote_.md",
    "<script>alert(1)</script>.md": "script_.md",
    "prompt.txt": "prompt.txt",
    ".incoming.md": "incoming.md",
    "{{7*7}}${HOME}%PATH%.md": "__7_7____HOME__PATH_.md",
}


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: repr(name[:24]))
def test_an_odd_name_is_stored_safely_and_shown_as_sent(
    server: Server, owner: Person, bot: Bot, name: str
) -> None:
    answer = named_upload(
        owner, bot, f"filename*=UTF-8''{quote(name, safe='')}".encode()
    )

    assert answer.status_code == 201
    document = answer.json()
    assert document["filename"] == name
    assert document["filepath"] == f"{bot.id}/knowledge/{ODD_NAMES[name]}"
    root = server.settings.documents_dir.resolve()
    place = (root / document["filepath"]).resolve()
    assert place.is_relative_to(root / bot.id / "knowledge")
    assert place.read_bytes() == b"Some text."
    down = owner.http.get(f"/documents/download/{document['_id']}")
    assert down.content == b"Some text."
    disposition = down.headers["Content-Disposition"]
    assert disposition.startswith("attachment;")
    assert "\r" not in disposition
    assert "Set-Cookie" not in down.headers


@pytest.mark.parametrize(
    "disposition",
    [
        b'filename="../../x.md"',
        b'filename="..\\\\..\\\\x.md"',
        b'filename="C:\\\\temp\\\\x.md"',
        b"filename=x.md",
    ],
)
def test_a_plain_header_is_no_way_around(
    owner: Person, bot: Bot, disposition: bytes
) -> None:
    answer = named_upload(owner, bot, disposition)

    assert answer.status_code == 201
    assert answer.json()["filepath"] == f"{bot.id}/knowledge/x.md"


@pytest.mark.parametrize(
    "name", [".", "..", "...", "/", "\\", "\0", "\u202e", "???", "dir/"]
)
def test_a_name_without_anything_usable_is_refused(
    server: Server, owner: Person, bot: Bot, name: str
) -> None:
    before = files_of(server)

    answer = named_upload(
        owner, bot, f"filename*=UTF-8''{quote(name, safe='')}".encode()
    )

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["file"]
    assert files_of(server) == before


def test_a_name_of_unreasonable_length_is_refused(owner: Person, bot: Bot) -> None:
    assert owner.upload(bot, f"{'a' * 990}.md", "Some text.").status_code == 201
    refused = owner.upload(bot, f"{'a' * 1001}.md", "Some text.")

    assert refused.status_code == 422
    assert list(refused.json()["error"]["fields"]) == ["file"]


@pytest.mark.parametrize("disposition", [b'filename=""', b"filename=", b"x=y"])
def test_no_name_at_all_is_refused(owner: Person, bot: Bot, disposition: bytes) -> None:
    answer = named_upload(owner, bot, disposition)

    assert answer.status_code == 422
    assert list(answer.json()["error"]["fields"]) == ["file"]


@pytest.mark.parametrize(
    "name", ["x.pdf", "x.docx", "x.exe", "x.svg", "md", ".md", "x"]
)
def test_another_extension_is_refused(owner: Person, bot: Bot, name: str) -> None:
    answer = owner.upload(bot, name, "Some text.")

    assert answer.status_code in {415, 422}
    assert names_of(owner, bot) == []


def test_extensions_count_in_either_case(owner: Person, bot: Bot) -> None:
    assert owner.upload(bot, "HOURS.MD", "Text.").status_code == 201
    assert owner.upload(bot, "Hours.Txt", "Text.").status_code == 201


# Contents


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\n%\xe2\xe3",
        b"\n\n%PDF-1.4",
        b"MZ\x90\0\x03\0\0\0",
        b"PK\x03\x04\x14\0",
        b"PK\x05\x06" + b"\0" * 18,
        b"\x7fELF\x02\x01\x01",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0",
        b"GIF89a\x01\0",
        b"\x1f\x8b\x08\0",
        b"\xd0\xcf\x11\xe0\xa1\xb1",
        b"{\\rtf1 text}",
        b"Rar!\x1a\x07",
        b"text and then \0 binary",
        bytes(range(256)) * 4,
        random.Random(7).randbytes(4096),
        b"\x01\x02\x03" * 100,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_text_is_not_read_whatever_its_name(
    server: Server, owner: Person, bot: Bot, data: bytes
) -> None:
    before = files_of(server)

    refused = owner.upload(bot, "harmless.md", data, kind="prompt")
    assert refused.status_code == 415
    assert names_of(owner, bot) == []
    assert files_of(server) == before

    taken = owner.upload(bot, "harmless.md", data).json()
    shown = owner.indexed(taken["_id"])
    assert (shown["status"], shown["chunks"]) == ("failed", 0)
    assert shown["error"]


@pytest.mark.parametrize(
    "data", [b"", b" \n\t\r\n ", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"]
)
@pytest.mark.parametrize("kind", ["rag", "prompt"])
def test_an_empty_file_is_refused(
    owner: Person, bot: Bot, data: bytes, kind: str
) -> None:
    answer = owner.upload(bot, "empty.md", data, kind=kind)

    assert (answer.status_code, code(answer)) == (422, "document_empty")
    assert names_of(owner, bot) == []


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "latin-1", "cp1252", "utf-16"]
)
def test_text_is_read_whatever_wrote_it(
    owner: Person, bot: Bot, model: Any, encoding: str
) -> None:
    words = "O canário chama-se Açaí e não é amarelo."
    answer = owner.upload(bot, "canário.txt", words.encode(encoding))
    assert answer.status_code == 201

    bot.post("Como se chama o canário?")

    assert words in str(model.requests[-1].body)
    down = owner.http.get(f"/documents/download/{answer.json()['_id']}")
    assert down.content == words.encode(encoding)


def test_html_is_text_and_is_never_shown_as_a_page(owner: Person, bot: Bot) -> None:
    page = "<html><script>alert(1)</script><p>From nine to five.</p></html>"
    document = owner.upload(bot, "page.md", page).json()

    down = owner.http.get(f"/documents/download/{document['_id']}")

    assert down.text == page
    assert down.headers["Content-Type"] == "application/octet-stream"
    assert down.headers["Content-Disposition"].startswith("attachment")
    assert down.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in down.headers["Content-Security-Policy"]
    assert down.headers["Cache-Control"] == "no-store"


def test_a_file_that_is_gone_from_the_disk_is_not_found(
    server: Server, owner: Person, bot: Bot
) -> None:
    document = owner.upload(bot, "hours.md", "Some text.").json()
    (server.settings.documents_dir / document["filepath"]).unlink()

    answer = owner.http.get(f"/documents/download/{document['_id']}")

    assert (answer.status_code, code(answer)) == (404, "document_not_found")


# Sizes


def test_a_file_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(
    server: Server, owner: Person, bot: Bot
) -> None:
    line = b"All work and no play makes a long document here.\n"
    whole = (line * (LIMIT // len(line) + 1))[:LIMIT]
    before = temporary_files()

    taken = owner.upload(bot, "whole.md", whole)
    refused = owner.upload(bot, "more.md", whole + b"x")

    assert taken.status_code == 201
    assert (refused.status_code, code(refused)) == (413, "document_too_large")
    assert "1 MB" in refused.json()["error"]["message"]
    assert names_of(owner, bot) == ["whole.md"]
    assert not any("more" in name for name in files_of(server))
    assert temporary_files() <= before


def test_a_body_far_over_the_limit_is_refused(owner: Person, bot: Bot) -> None:
    before = temporary_files()

    answer = owner.upload(bot, "huge.md", b"x" * (3 * LIMIT))

    assert (answer.status_code, code(answer)) == (413, "body_too_large")
    assert names_of(owner, bot) == []
    assert temporary_files() <= before


def test_a_body_over_the_limit_in_chunks_is_refused(
    server: Server, owner: Person, bot: Bot
) -> None:
    before = temporary_files()

    def parts() -> Iterator[bytes]:
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"'.encode()
        yield b'; filename="huge.md"\r\n\r\n'
        for _ in range(48):
            yield b"x" * 65536

    answer = owner.http.post(
        "/documents/add",
        content=parts(),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )

    assert answer.status_code == 413
    assert names_of(owner, bot) == []
    assert not any("huge" in name for name in files_of(server))
    assert temporary_files() <= before


def test_a_huge_length_is_refused_without_its_body(
    server: Server, owner: Person
) -> None:
    host, port = server.base_url.removeprefix("http://").split(":")
    head = (
        "POST /documents/add HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {owner.token}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        "Content-Length: 10000000000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no parts at all"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b"\xff" * 1000),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="t"\r\n\r\n1\r\n' * 3000
            + b"--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="type"\r\n\r\n'
            + b"r" * 900_000
            + b"\r\n--x--\r\n",
        ),
        ("application/json", b'{"type": "rag"}'),
        ("application/x-www-form-urlencoded", b"type=rag&assistant_id=x&file=y"),
        ("text/plain", b"hello"),
        ("", b"hello"),
    ],
    ids=lambda part: repr(part[:40]),
)
def test_a_form_that_cannot_be_read_is_refused(
    owner: Person, kind: str, body: bytes
) -> None:
    answer = owner.http.post(
        "/documents/add", content=body, headers={"Content-Type": kind}
    )

    assert answer.status_code in {400, 413, 415, 422}
    assert {"code", "message", "request_id"} <= set(answer.json()["error"])


def test_an_upload_that_breaks_off_leaves_nothing(
    server: Server, owner: Person, bot: Bot
) -> None:
    before = files_of(server)
    host, port = server.base_url.removeprefix("http://").split(":")
    head = (
        "POST /documents/add HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {owner.token}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        "Content-Length: 500000\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + b"x" * 100_000)

    assert names_of(owner, bot) == []
    assert files_of(server) == before


def test_an_assistants_documents_have_a_quota_together(
    server: Server, owner: Person, bot: Bot
) -> None:
    part = b"A line of the document.\n" * 30_000  # 720 kB
    assert owner.upload(bot, "one.md", part).status_code == 201
    assert owner.upload(bot, "two.md", part).status_code == 201

    full = owner.upload(bot, "three.md", part)

    assert (full.status_code, code(full)) == (409, "document_quota_exceeded")
    assert "2 MB" in full.json()["error"]["message"]
    assert names_of(owner, bot) == ["one.md", "two.md"]
    assert not any("three" in name for name in files_of(server))
    assert owner.upload(bot, "two.md", part, replace="true").status_code == 201
    other = owner.create_assistant()
    assert owner.upload(other, "three.md", part).status_code == 201
    rows = owner.http.get("/documents/list", params={"assistant_id": bot.id}).json()
    owner.http.delete(f"/documents/delete/{rows[0]['_id']}").raise_for_status()
    assert owner.upload(bot, "three.md", part).status_code == 201


def test_a_folder_that_leads_elsewhere_is_not_followed(
    tmp_path: Path, server: Server
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    with cheap_passwords(), running(tmp_path / "served") as made:
        person = made.register()
        bot = person.create_assistant()
        root = made.settings.documents_dir
        (root / bot.id).mkdir(parents=True)
        (root / bot.id / "knowledge").symlink_to(outside)
        answer = person.upload(bot, "x.md", "Some text.")

    assert answer.status_code >= 400
    assert list(outside.iterdir()) == []


def temporary_files() -> set[str]:
    """Return what lies in the folder for temporary files and is not pytest's."""
    return {
        path.name
        for path in Path(tempfile.gettempdir()).iterdir()
        if path.name.startswith(("tmp", "werkzeug"))
    }


def test_the_server_still_answers(server: Server) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    assert exchange(server, request).status == 200


# Werkzeug leaves its nameless temporary file to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile")
@pytest.mark.parametrize("ending", ["half of the file", "no last boundary"])
def test_an_upload_that_is_cut_off_leaves_nothing(
    server: Server, owner: Person, bot: Bot, ending: str
) -> None:
    before = files_of(server)
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="type"\r\n\r\nrag\r\n'
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="assistant_id"\r\n\r\n'
        f"{bot.id}\r\n--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="a.md"\r\n\r\n'
    )
    body = head.encode() + b"Some text.\n" * 2000
    announced = len(body) * 2 if ending == "half of the file" else len(body)
    request = (
        "POST /documents/add HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {owner.token}\r\nContent-Length: {announced}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    host, port = server.base_url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request.encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)

    assert not answer or answer.split()[1] in {b"400", b"422"}
    assert files_of(server) == before
    assert names_of(owner, bot) == []
    assert owner.upload(bot, "a.md", "The whole text.").status_code == 201
