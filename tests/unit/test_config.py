"""Settings: what `.env.example` promises, and what is refused at the start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.config import ConfigurationError, Settings, load_settings
from app.factory import create_app

ROOT = Path(__file__).parents[2]
SECRET = "k" * 32
CANARY = "canary-7f3a91"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_example_names_every_setting_in_order_with_its_default() -> None:
    expected = [
        (name.upper(), shown(field.default), field.description)
        for name, field in Settings.model_fields.items()
    ]

    assert list(example()) == expected


def test_the_example_is_a_working_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text())

    assert load_settings() == Settings(_env_file=None)


def test_without_any_setting_we_listen_on_loopback_only() -> None:
    assert load_settings().host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "70000"),
        ("THREADS", "1"),
        ("REGISTRATION", CANARY),
        ("SETUP_TOKEN", "tiny"),
        ("ACCESS_TOKEN_HOURS", "0"),
        ("ACCESS_TOKEN_HOURS", "inf"),
        ("ACCESS_TOKEN_HOURS", "nan"),
        ("TURN_TIMEOUT_SECONDS", "nan"),
        ("MAX_UPLOAD_MB", "-1"),
        ("WORKERS", "-1"),
        ("WORKERS", "33"),
        ("LLM_PROVIDER", CANARY),
        ("OPENAI_BASE_URL", CANARY),
        ("OPENAI_BASE_URL", "ftp://" + CANARY),
        ("PUBLIC_URL", CANARY),
        ("CORS_ORIGINS", "https://ok.example," + CANARY),
        ("CORS_ORIGINS", "https://.*\\.example"),
        ("CORS_ORIGINS", "https://ok.example/path"),
        ("TRUSTED_PROXIES", "127.0.0.1," + CANARY),
        ("FETCH_ALLOWED_NETWORKS", "10.0.0.0/8," + CANARY),
        ("FETCH_ALLOWED_NETWORKS", ",".join(["10.0.0.0/8"] * 65)),
        ("LOG_LEVEL", CANARY),
    ],
)
def test_a_bad_value_is_refused_by_name_without_the_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as refused:
        load_settings()

    assert str(refused.value).startswith(f"{name}: ")
    assert CANARY not in str(refused.value)


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", " https://a.example/ ,http://localhost:3000,")
    monkeypatch.setenv("TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8,::1")

    settings = load_settings()

    assert settings.cors_origins == ("https://a.example", "http://localhost:3000")
    assert settings.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"secret_key": CANARY}, "SECRET_KEY"),
        ({"secret_key": SECRET, "secret_key_previous": CANARY}, "SECRET_KEY_PREVIOUS"),
        ({"mongodb_uri": CANARY, "secret_key": SECRET}, "MONGODB_URI"),
    ],
)
def test_a_secret_too_short_or_a_bad_address_ends_the_start(
    tmp_path: Path, settings: dict[str, Any], name: str
) -> None:
    made = Settings(_env_file=None, data_dir=tmp_path, **settings)

    with pytest.raises(ConfigurationError) as refused:
        create_app(made)

    assert str(refused.value).startswith(f"{name}: ")
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"MONGODB_URI": f"mongodb://u:{CANARY}@127.0.0.1:1/x"}, "SECRET_KEY"),
        ({"SECRET_KEY": CANARY}, "SECRET_KEY"),
        (
            {"MONGODB_URI": f"mongodb://u:{CANARY}@h:99999/x", "SECRET_KEY": SECRET},
            "MONGODB_URI",
        ),
        ({"PORT": CANARY, "THREADS": "1"}, "PORT"),
    ],
    ids=str,
)
def test_the_server_does_not_start_and_names_the_setting(
    tmp_path: Path, environment: dict[str, str], name: str
) -> None:
    ended = start(tmp_path, environment)

    assert ended.returncode not in {0, None}
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"configuration: {name}: ")
    assert CANARY not in ended.stderr
    assert "Traceback" not in ended.stderr


def start(
    folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run `python main.py` until it ends by itself."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, ROOT / "main.py"],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(ROOT), "PORT": "0"} | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def example() -> Iterator[tuple[str, str, str]]:
    """Yield name, value and help of each setting of `.env.example`."""
    for block in (ROOT / ".env.example").read_text().strip().split("\n\n")[1:]:
        words, line = block.split("\n")
        name, _, value = line.partition("=")
        yield name, value, words.removeprefix("# ")


def shown(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default)


def test_an_address_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    ended = start(tmp_path, {"HOST": "no such host"})

    assert ended.returncode not in {0, None}
    assert ended.stderr.splitlines()[-1].startswith("configuration: HOST or PORT: ")
    assert "Traceback" not in ended.stderr
