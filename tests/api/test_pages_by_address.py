"""Documents fetched from addresses: what comes in, and for whom."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.support.fetched import GOOD, Site, answer, leading_to
from tests.support.made_pdf import MadePdf
from tests.support.pages import HTML, PAGE, add, documents, error
from tests.support.quick import cheap_passwords
from tests.support.running import Bot, Person, Server
from tests.support.things import further_key

EMBEDDED = pytest.mark.parametrize("server", ["embedded"], indirect=True)


@pytest.fixture(scope="module")
def server_settings() -> Iterator[dict[str, Any]]:
    with cheap_passwords():
        yield {
            "fetch_allowed_networks": f"{GOOD}/32",
            "max_upload_mb": 1,
            "assistant_quota_files": 3,
        }


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(GOOD) as site:
        site.pages["/"] = site.pages["/hours"] = PAGE
        yield site


def text_of(person: Person, made: httpx2.Response) -> str:
    down = person.http.get(f"/documents/download/{made.json()['_id']}")
    return down.content.decode("utf-8-sig")


def test_a_page_becomes_a_document(
    owner: Person, bot: Bot, site: Site, model: Any
) -> None:
    site.pages["/hours?day=mon"] = PAGE

    made = add(owner, bot, site.url("/hours?day=mon#top"))

    body = made.json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"/documents/get/{body['_id']}"
    assert (body["status"], body["type"]) == ("queued", "rag")
    assert body["filename"] == "127.0.0.2-hours-day-mon.html"
    assert body["source_url"] == site.url("/hours?day=mon")
    [shown] = documents(owner, bot)
    assert (shown["status"], shown["source_url"]) == ("ready", body["source_url"])
    bot.post("Quais são os horários?")
    assert "Das nove às cinco." in str(model.requests[-1].body)


def test_a_file_keeps_its_name_wherever_a_redirect_leads(
    owner: Person, bot: Bot, site: Site
) -> None:
    pdf = MadePdf(["The shop has a cat."]).data()
    site.pages["/latest"] = leading_to("/files/Pets%202.pdf")
    site.pages["/files/Pets%202.pdf"] = answer(
        pdf, "Content-Type: application/pdf; charset=latin-1"
    )

    made = add(owner, bot, site.url("/latest"))

    [shown] = documents(owner, bot)
    assert (shown["filename"], shown["source_url"]) == (
        "Pets 2.pdf",
        site.url("/latest"),
    )
    assert (shown["status"], shown["pages"]) == ("ready", 1)
    down = owner.http.get(f"/documents/download/{made.json()['_id']}")
    assert down.content == pdf


@EMBEDDED
@pytest.mark.parametrize(
    ("told", "data", "words"),
    [
        ("html; charset=iso-8859-1", "<p>“Olá”, às 5".encode("cp1252"), "“Olá”, às 5"),
        ("html; charset=koi8-r", "<p>Привет".encode("koi8-r"), "Привет"),
        ("html; charset=utf-8", "<meta charset=latin-1><p>Olá".encode(), "Olá"),
        ("html; charset=utf-8", "<p>Olá, às cinco".encode("cp1252"), "Olá, às cinco"),
        ("html; charset=punycode", b"<p>Hello " + b"a-b" * 100_000, "Hello"),
        ("html; charset=utf-16", "<p>Olá".encode("utf-16-le"), "Olá"),
        (
            "plain; charset=shift_jis",
            "営業 Tokyo 時間".encode("cp932"),
            "営業 Tokyo 時間",
        ),
        ("csv; charset=windows-1250", "Město\nPlzeň\n".encode("cp1250"), "Plzeň"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_the_charset_that_the_host_tells_is_not_lost(
    owner: Person, bot: Bot, site: Site, *, told: str, data: bytes, words: str
) -> None:
    site.pages["/"] = answer(data, f"Content-Type: text/{told}")

    assert add(owner, bot, site.url()).status_code == 201

    found = owner.http.post(f"/assistants/{bot.id}/search", json={"query": words})
    [passage] = found.json()
    assert words in passage["text"]


@EMBEDDED
def test_a_page_may_be_given_a_name(owner: Person, bot: Bot, site: Site) -> None:
    made = add(owner, bot, site.url(), filename="Opening hours.html")

    assert made.json()["filename"] == "Opening hours.html"
    assert made.json()["filepath"] == f"{bot.id}/knowledge/Opening hours.html"


@EMBEDDED
@pytest.mark.parametrize(
    ("name", "expected"),
    [("..", (422, "invalid_input")), ("x.exe", (415, "document_type_unsupported"))],
)
def test_a_name_that_cannot_be_is_refused_before_anybody_is_asked(
    owner: Person, bot: Bot, site: Site, name: str, expected: tuple[int, str]
) -> None:
    refused = add(owner, bot, site.url(), filename=name)

    assert error(refused) == expected
    assert refused.json()["error"].get("fields", {"filename": ""}).keys() == {
        "filename"
    }
    assert site.connections == 0


def test_an_address_is_read_again_where_that_is_asked_for(
    server: Server, owner: Person, bot: Bot, site: Site
) -> None:
    first = add(owner, bot, site.url("/hours"), filename="Hours.html").json()

    refused = add(owner, bot, site.url("/hours#now"))

    assert error(refused) == (409, "document_exists")
    assert len(site.heads) == 1

    site.pages["/hours"] = answer(b"<p>From ten.", HTML)
    again = add(owner, bot, site.url("/hours"), filename="Other.html", replace=True)

    assert (again.status_code, again.json()["_id"]) == (201, first["_id"])
    assert "From ten." in text_of(owner, again)
    [shown] = documents(owner, bot)
    assert (shown["filename"], shown["status"]) == ("Hours.html", "ready")
    files = (server.settings.documents_dir / bot.id).rglob("*")
    assert [path.name for path in files if path.is_file()] == ["Hours.html"]


def test_what_has_not_changed_is_answered_as_it_is(
    owner: Person, bot: Bot, site: Site
) -> None:
    made = add(owner, bot, site.url()).json()
    ready = owner.indexed(made["_id"])

    again = add(owner, bot, site.url(), replace=True)

    assert again.json() == ready | {"id": made["_id"]}
    assert len(site.heads) == 2


def test_a_file_and_a_page_may_follow_each_other_under_one_name(
    owner: Person, bot: Bot, site: Site
) -> None:
    uploaded = owner.upload(bot, "Hours.html", "<p>From nine.").json()
    assert uploaded["source_url"] is None

    refused = add(owner, bot, site.url(), filename="Hours.html")
    fetched = add(owner, bot, site.url(), filename="Hours.html", replace=True).json()
    again = owner.upload(bot, "Hours.html", "<p>From ten.", replace="true").json()

    assert error(refused) == (409, "document_exists")
    assert {uploaded["_id"], again["_id"]} == {fetched["_id"]}
    assert (fetched["source_url"], again["source_url"]) == (site.url("/"), None)


def test_reindexing_asks_nobody(owner: Person, bot: Bot, site: Site) -> None:
    made = add(owner, bot, site.url()).json()
    ready = owner.indexed(made["_id"])

    answered = owner.http.post(f"/documents/{made['_id']}/reindex")

    assert answered.json()["source_url"] == site.url("/")
    assert owner.indexed(made["_id"]) == ready
    assert len(site.heads) == 1


def test_pages_count_among_the_files(owner: Person, bot: Bot, site: Site) -> None:
    for number in range(4):
        site.pages[f"/{number}"] = PAGE
    made = [add(owner, bot, site.url(f"/{number}")) for number in range(4)]

    assert [one.status_code for one in made] == [201, 201, 201, 409]
    assert error(made[3])[1] == "document_quota_exceeded"


# Who may, and how many at once


@EMBEDDED
def test_only_who_may_change_the_assistant_adds_pages(
    server: Server, owner: Person, stranger: Person, bot: Bot, site: Site
) -> None:
    attendant = server.register()
    members = [{"user_id": attendant.id, "role": "attendant"}]
    owner.http.put(f"/assistants/update/{bot.id}", json={"members": members})

    assert error(add(attendant, bot, site.url())) == (403, "forbidden")
    assert error(add(stranger, bot, site.url())) == (404, "assistant_not_found")
    assert error(add(stranger, bot, "file:///x")) == (404, "assistant_not_found")
    assert site.connections == 0
    secret = further_key(owner, bot.id, "documents")["secret"]
    keyed = server.client({"X-API-Key": secret})
    for assistant_id, status in ((bot.id, 201), (stranger.create_assistant().id, 404)):
        body = {"assistant_id": assistant_id, "url": site.url()}
        assert keyed.post("/documents/add-url", json=body).status_code == status


@EMBEDDED
def test_slow_pages_hold_only_their_share_of_the_threads(
    owner: Person, bot: Bot, site: Site
) -> None:
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def slow(client: socket.socket) -> None:
        waiting.release()
        go_on.wait(10)
        client.sendall(PAGE)

    made: list[httpx2.Response] = []
    adding = []
    for number in range(3):  # of 24 threads
        site.pages[f"/{number}"] = slow
        url = site.url(f"/{number}")
        adding.append(
            threading.Thread(target=lambda url=url: made.append(add(owner, bot, url)))
        )
        adding[-1].start()
        assert waiting.acquire(timeout=10)

    busy = add(owner, bot, site.url())
    answered = bot.post("Hello")
    go_on.set()
    for thread in adding:
        thread.join(10)

    assert error(busy) == (503, "busy")
    assert int(busy.headers["Retry-After"]) > 0
    assert answered.status_code == 200
    assert [one.status_code for one in made] == [201] * 3
