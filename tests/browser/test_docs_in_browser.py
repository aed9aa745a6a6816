"""The API's page in a real browser that finds no host but ours."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.quick import cheap_passwords
from tests.support.running import Server, running

pytestmark = pytest.mark.timeout(300)

METHODS = {"get", "put", "post", "patch", "delete"}
INSTALLING = 240
LOADING = 60
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--enable-logging=stderr",
    "--window-size=1200,1600",
    "--virtual-time-budget=10000",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What the browser made of a page, said on its console, and asked for."""

    page: str
    console: list[str]
    asked: list[str]


@pytest.fixture(scope="module")
def chromium() -> str:
    """Return the browser, installed where that is possible."""
    if found := shutil.which("chromium"):
        return found
    try:
        for step in (["update"], ["install", "--yes", "--no-install-recommends"]):
            names = ["chromium"] if "install" in step else []
            subprocess.run(
                ["apt-get", "--quiet", *step, *names],  # noqa: S607
                check=True,
                capture_output=True,
                timeout=INSTALLING,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
    except (OSError, subprocess.SubprocessError) as exc:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"no chromium here: {type(exc).__name__}")
    return str(shutil.which("chromium"))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with cheap_passwords(), running(tmp_path_factory.mktemp("docs")) as made:
        yield made


@pytest.fixture(scope="module")
def spec(served: Server) -> dict[str, Any]:
    found: dict[str, Any] = served.anonymous().get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def visit(
    chromium: str, served: Server, tmp_path_factory: pytest.TempPathFactory
) -> Visit:
    return visited(
        chromium, f"{served.base_url}/docs", tmp_path_factory.mktemp("visit")
    )


def visited(chromium: str, address: str, folder: Path) -> Visit:
    net_log = folder / "net-log.json"
    ended = subprocess.run(
        [
            chromium,
            *FLAGS,
            f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={net_log}",
            "--dump-dom",
            address,
        ],
        capture_output=True,
        text=True,
        timeout=LOADING,
        check=True,
        env=os.environ | {"HOME": str(folder)},
    )
    return Visit(
        page=ended.stdout,
        console=[line for line in ended.stderr.splitlines() if "CONSOLE" in line],
        asked=asked_by(net_log, address),
    )


def asked_by(net_log: Path, page: str) -> list[str]:
    """Return the addresses that the page itself asked for, itself included."""
    events = json.loads(net_log.read_text())["events"]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(page))
    found = [event.get("params", {}) for event in events]
    return [
        params["url"]
        for params in found
        if "url" in params
        and (params.get("initiator") == origin or params["url"].startswith(page))
    ]


def test_every_operation_is_shown(visit: Visit, spec: dict[str, Any]) -> None:
    described = [
        (method, path)
        for path, methods in spec["paths"].items()
        for method in methods
        if method in METHODS
    ]

    shown = re.findall(r'<div class="opblock opblock-(\w+)"', visit.page)

    assert sorted(shown) == sorted(method for method, _ in described)
    for _, path in described:
        assert f'data-path="{path}"' in visit.page
    assert "Orquestradora" in visit.page
    assert "Send a contact's message and get the answer" in visit.page


def test_the_policy_was_not_violated(visit: Visit) -> None:
    told = "\n".join(visit.console)

    assert "Content Security Policy" not in told
    assert "Refused to" not in told
    assert "Uncaught" not in told
    assert "Failed to load" not in told


def test_no_other_host_was_asked(visit: Visit, served: Server) -> None:
    own = [address for address in visit.asked if address.startswith(served.base_url)]
    inline = [address for address in visit.asked if address.startswith("data:")]

    assert sorted(visit.asked) == sorted(own + inline)
    paths = {urlsplit(address).path for address in own}
    assert {
        "/docs",
        "/docs/start.js",
        "/docs/css/swagger-ui.css",
        "/docs/js/swagger-ui-bundle.js",
        "/openapi.json",
    } <= paths


def test_the_check_sees_a_page_that_asks_elsewhere(
    chromium: str, tmp_path: Path
) -> None:
    """The checks above would notice: this page breaks both."""
    page = tmp_path / "page.html"
    page.write_text(
        "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'\">"
        "<img src='http://127.0.0.1:9/x.png'><script src='http://elsewhere.example/x.js'>"
        "</script>"
    )

    seen = visited(chromium, page.as_uri(), tmp_path)

    assert any("Content Security Policy" in line for line in seen.console)
    events = json.loads((tmp_path / "net-log.json").read_text())["events"]
    urls = {event.get("params", {}).get("url") for event in events}
    assert "http://elsewhere.example/x.js" in urls
