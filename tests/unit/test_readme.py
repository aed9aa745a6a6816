"""What the front door says is so."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from apiflask import APIFlask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from app.config import Settings
from app.factory import create_app
from scripts.demo import QUESTIONS
from scripts.settings_table import with_table

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
ROUTE = re.compile(
    r"(?:\b(GET|POST|PUT|PATCH|DELETE) |\$API|127\.0\.0\.1:8080|https://bots\.example\.com|`)"
    r"(/[a-zA-Z][^\s`'\"?]*)"
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SETTING = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
NO_SETTINGS = {"TEST_MONGODB_URI"}
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MapAdapter]:
    folder = tmp_path_factory.mktemp("app")
    app: APIFlask = create_app(
        Settings(_env_file=None, data_dir=folder, documents_dir=folder)
    )
    yield app.url_map.bind("127.0.0.1")
    app.extensions["services"].close()


def test_the_table_of_settings_is_what_the_settings_are() -> None:
    assert with_table(README) == README, "run `python -m scripts.settings_table`"


def test_the_bot_is_the_tested_one() -> None:
    bot = (ROOT / "examples" / "bot.py").read_text()
    shown = re.sub(r"^# ruff: .*\n", "", bot, flags=re.MULTILINE)

    assert f"```python\n{shown}```\n" in README


def test_the_picture_shows_what_the_demo_asks() -> None:
    picture = unescape((ROOT / "docs" / "demo.svg").read_text())

    for question in QUESTIONS:
        assert question in picture, "run `python -m scripts.demo_picture`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_route_that_is_named_is_there(page: Path, routes: MapAdapter) -> None:
    named = [
        (method or None, re.sub(r"<[^>]*>", "x", path))
        for method, path in ROUTE.findall(page.read_text())
    ]

    assert [route for route in named if not _exists(routes, *route)] == []
    assert named or page.name != "README.md"


def _exists(routes: MapAdapter, method: str | None, path: str) -> bool:
    for tried in [method] if method else METHODS:
        try:
            endpoint, _ = routes.match(path, method=tried)
        except HTTPException:
            continue
        if endpoint != "static":
            return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_is_named_is_there(page: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | NO_SETTINGS

    assert set(SETTING.findall(page.read_text())) <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_is_dead(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text()):
        target = page.parent / path if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in _anchors(target), anchor


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}


def test_every_make_target_that_is_named_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = re.findall(r"`make ([a-z -]+)`|^make +([a-z]+) +#", README, re.MULTILINE)

    assert {
        word for pair in named for words in pair for word in words.split()
    } <= targets
