"""The page of the API: everything on it comes from here."""

import re

import httpx2
import pytest

from tests.support.running import Server

pytestmark = pytest.mark.parametrize("server", ["embedded"], indirect=True)


@pytest.fixture(scope="module")
def nobody(server: Server) -> httpx2.Client:
    return server.anonymous()


def test_the_page_names_only_files_that_are_here(nobody: httpx2.Client) -> None:
    page = nobody.get("/docs")

    assert page.headers["Content-Type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    files = [name for name in named if not name.startswith("data:")]
    assert len(files) == 3
    for name in files:
        assert name.startswith("/docs/")
        assert nobody.get(name).status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text


def test_the_policy_allows_nothing_from_elsewhere(nobody: httpx2.Client) -> None:
    policy = nobody.get("/docs").headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert rules["connect-src"] == "'self'"
    assert rules["frame-ancestors"] == "'none'"
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/docs/start.js", "text/javascript"),
        ("/docs/js/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/css/swagger-ui.css", "text/css"),
    ],
)
def test_its_files_have_their_type(nobody: httpx2.Client, path: str, kind: str) -> None:
    answer = nobody.get(path)

    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_starts_from_our_own_description(nobody: httpx2.Client) -> None:
    script = nobody.get("/docs/start.js").text

    assert 'url: "/openapi.json"' in script
    assert "validatorUrl: null" in script
