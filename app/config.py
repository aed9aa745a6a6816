"""Every knob: typed, bounded, described. `.env.example` is tested against it."""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

CommaSeparated = Annotated[tuple[str, ...], NoDecode]

WEB_ADDRESS = r"^https?://[^\s/?#]+"
ORIGIN = re.compile(r"\*|https?://[\w.-]+(:\d+)?", re.ASCII)
ARCHIVE_OVERHEAD_MB = 16  # of an exported assistant, beside its documents
UPLOADS_AT_ONCE = 5  # of the largest size, in one request


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message names it and not its value."""


class Settings(BaseSettings):
    """The settings of one server, from the environment or from `.env`."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field("127.0.0.1", description="Address that `python main.py` uses")
    port: int = Field(8080, ge=0, le=65535, description="Its port; 0: any free one")
    threads: int = Field(320, ge=4, le=2000, description="Its request threads")
    data_dir: Path = Field(
        Path("data"), description="Folder of the embedded store and the made secret"
    )
    documents_dir: Path = Field(
        Path("documents"), description="Folder of the uploads, one inside per assistant"
    )
    mongodb_uri: SecretStr | None = Field(
        None, description="MongoDB to use; empty: the embedded store in DATA_DIR"
    )
    secret_key: SecretStr | None = Field(
        None,
        description="32 bytes or more that sign tokens and seal keys; empty: made and"
        " kept in DATA_DIR (embedded store only)",
    )
    secret_key_previous: SecretStr | None = Field(
        None, description="The key before a rotation: still opens, never signs"
    )
    registration: Literal["open", "closed"] = Field(
        "open", description="Who may register: everybody (open), nobody (closed)"
    )
    setup_token: SecretStr | None = Field(
        None,
        min_length=16,
        description="Needed for the very first account from another machine; empty:"
        " start-up makes and logs one while there is no user",
    )
    access_token_hours: float = Field(
        72, gt=0, le=24 * 365, description="Life of an access token, in hours"
    )
    refresh_token_days: float = Field(
        30, gt=0, le=3650, description="Life of a refresh token, in days"
    )
    llm_provider: Literal["openai", "offline"] | None = Field(
        None,
        description="openai or offline; empty: openai when a key or base URL is set",
    )
    openai_api_key: SecretStr | None = Field(None, description="Key of the provider")
    openai_base_url: str | None = Field(
        None,
        pattern=WEB_ADDRESS,
        description="Any OpenAI-compatible address, such as a local model's",
    )
    openai_model: str = Field(
        "gpt-4.1-mini", min_length=1, description="Model of assistants that name none"
    )
    embedding_model: str | None = Field(
        None,
        min_length=1,
        description="Model that makes vectors of texts, for search by meaning too;"
        " empty: by words alone",
    )
    embedding_base_url: str | None = Field(
        None,
        pattern=WEB_ADDRESS,
        description="Where that model is; empty: OPENAI_BASE_URL",
    )
    embedding_api_key: SecretStr | None = Field(
        None, description="Key for it; empty: OPENAI_API_KEY"
    )
    model_context_tokens: int = Field(
        128_000,
        ge=1_000,
        le=10_000_000,
        description="Tokens that a prompt and its answer may have together",
    )
    turn_timeout_seconds: float = Field(
        90, gt=0, le=600, description="Longest time for one answer, in total"
    )
    max_upload_mb: int = Field(
        20, gt=0, le=2000, description="Largest accepted document, in MB"
    )
    assistant_quota_mb: int = Field(
        500, gt=0, description="All documents of one assistant together, in MB"
    )
    assistant_quota_files: int = Field(
        2000, gt=0, le=100_000, description="How many documents one assistant may have"
    )
    workers: int = Field(
        1,
        ge=0,
        le=32,
        description="Background jobs at once in this process; 0: none, for servers"
        " beside a `flask worker`",
    )
    cors_origins: CommaSeparated = Field(
        (), description="Origins whose pages may call us, comma-separated"
    )
    trusted_proxies: CommaSeparated = Field(
        (), description="Addresses whose X-Forwarded-* headers are believed"
    )
    allowed_hosts: CommaSeparated = Field(
        (), description="Host names we answer to; empty: any"
    )
    public_url: str | None = Field(
        None,
        pattern=WEB_ADDRESS,
        description="Our address as others see it; https turns HSTS on",
    )
    fetch_allowed_networks: CommaSeparated = Field(
        (),
        max_length=64,
        description="Networks of your own, such as 10.1.0.0/16, that pages may be"
        " fetched from; empty: the public internet only",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="How much is logged"
    )

    @field_validator(
        "cors_origins",
        "trusted_proxies",
        "allowed_hosts",
        "fetch_allowed_networks",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        bare = tuple(origin.rstrip("/") for origin in origins)
        if not all(ORIGIN.fullmatch(origin) for origin in bare):
            raise ValueError("each must be https://host, https://host:port or *")
        return bare

    @field_validator("trusted_proxies", "fetch_allowed_networks")
    @classmethod
    def _are_networks(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for address in addresses:
                ip_network(address, strict=False)
        except ValueError:
            raise ValueError("each must be an IP address or network") from None
        return addresses

    @property
    def larger_bodies(self) -> dict[str, int]:
        """Which paths take larger bodies than an upload's, and how many bytes."""
        archive = self.assistant_quota_mb + ARCHIVE_OVERHEAD_MB
        return {
            "/assistants/import": archive * 1024 * 1024,
            "/documents/add-many": self.max_upload_mb * UPLOADS_AT_ONCE * 1024 * 1024,
        }

    @property
    def provider(self) -> str:
        """The provider in force."""
        if self.llm_provider:
            return self.llm_provider
        return "openai" if self.openai_api_key or self.openai_base_url else "offline"


def load_settings() -> Settings:
    """Read the settings of this process. Raises ConfigurationError."""
    try:
        return Settings()
    except ValidationError as exc:
        problems = exc.errors(include_url=False, include_input=False)
        lines = [f"{_variable(p['loc'])}: {p['msg']}" for p in problems]
        raise ConfigurationError("; ".join(lines)) from None


def _variable(place: tuple[int | str, ...]) -> str:
    return str(place[0]).upper() if place else "settings"
