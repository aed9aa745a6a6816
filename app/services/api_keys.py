import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import AssistantNotFound, KeyNotFound, TooManyKeys, Unauthorized
from app.models.api_key import ApiKey, KeyScope
from app.models.ids import new_id
from app.models.page import Page, PageRequest
from app.services.keyring import Keyring

PREFIX = "sk_"
LONGEST = 200
MAIN = "main"
MOST_FURTHER = 50


class ApiKeys(Protocol):
    def add(self, key: ApiKey) -> None: ...
    def find_by_digests(self, digests: Sequence[str]) -> ApiKey | None: ...
    def find_main(self, assistant_id: str) -> ApiKey | None: ...
    def find_main_for(self, assistant_ids: Sequence[str]) -> dict[str, ApiKey]: ...
    def find_further(self, assistant_id: str, key_id: str) -> ApiKey | None: ...
    def list_further(self, assistant_id: str, request: PageRequest) -> Page[ApiKey]: ...
    def count_further(self, assistant_id: str) -> int: ...
    def remove_further(self, assistant_id: str, key_id: str) -> bool: ...
    def replace(self, old: ApiKey, new: ApiKey) -> bool: ...
    def remove_for_assistant(self, assistant_id: str) -> None: ...


class Outbox(Protocol):
    """What keys still have to deliver to contacts."""

    def reassign(self, assistant_id: str, from_key: str, to_key: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A new key; its secret is told this once."""

    key: ApiKey
    secret: str


class ApiKeyService:
    """Issue, show, rotate and check the keys that let programs talk.

    A key is found by a keyed digest and the main one's copy is sealed, so a stolen
    database opens nothing.
    """

    def __init__(
        self,
        *,
        keys: ApiKeys,
        outbox: Outbox,
        keyring: Keyring,
        now: Callable[[], datetime],
    ) -> None:
        self._keys = keys
        self._outbox = outbox
        self._keyring = keyring
        self._now = now

    def issue(self, assistant_id: str) -> str:
        """Create the assistant's main key and return its secret."""
        issued = self._new(assistant_id, name=MAIN, scopes=(KeyScope.CHAT,), main=True)
        self._keys.add(issued.key)
        return issued.secret

    def issue_further(
        self,
        assistant_id: str,
        *,
        name: str,
        scopes: tuple[KeyScope, ...],
        expires_at: datetime | None,
    ) -> IssuedKey:
        """Raises TooManyKeys."""
        if self._keys.count_further(assistant_id) >= MOST_FURTHER:
            raise TooManyKeys
        issued = self._new(
            assistant_id, name=name, scopes=scopes, expires_at=expires_at
        )
        self._keys.add(issued.key)
        if self._keys.count_further(assistant_id) > MOST_FURTHER:  # another came too
            self._keys.remove_further(assistant_id, issued.key.id)
            raise TooManyKeys
        return issued

    def list_further(self, assistant_id: str, request: PageRequest) -> Page[ApiKey]:
        return self._keys.list_further(assistant_id, request)

    def get_further(self, assistant_id: str, key_id: str) -> ApiKey:
        """Raises KeyNotFound."""
        key = self._keys.find_further(assistant_id, key_id)
        if key is None:
            raise KeyNotFound
        return key

    def revoke(self, assistant_id: str, key_id: str) -> None:
        """Remove a further key; the main one delivers what waits in its outbox.

        Raises KeyNotFound.
        """
        main = self._keys.find_main(assistant_id)
        key = self._keys.find_further(assistant_id, key_id)
        if key is None or main is None:
            raise KeyNotFound
        self._outbox.reassign(assistant_id, key.id, main.id)
        if not self._keys.remove_further(assistant_id, key.id):
            raise KeyNotFound
        self._outbox.reassign(assistant_id, key.id, main.id)  # what came in meanwhile

    def reveal(self, assistant_id: str) -> str | None:
        """Return the main key's secret; None when no SECRET_KEY of ours opens it."""
        key = self._keys.find_main(assistant_id)
        return self._open(key) if key else None

    def reveal_all(self, assistant_ids: Sequence[str]) -> dict[str, str | None]:
        keys = self._keys.find_main_for(assistant_ids)
        return {name: self._open(key) for name, key in keys.items()}

    def rotate(self, assistant_id: str, *, grace: timedelta) -> str:
        """Give the main key a new secret; the old one opens during the grace.

        Raises AssistantNotFound when the key has gone with its assistant.
        """
        secret, now = _new_secret(), self._now()
        while key := self._keys.find_main(assistant_id):
            rotated = replace(
                key,
                hint=secret[-4:],
                digest=self._keyring.digest(secret),
                sealed=self._keyring.seal(secret),
                previous_digest=key.digest if grace else None,
                previous_until=now + grace if grace else None,
                rotated_at=now,
            )
            if self._keys.replace(key, rotated):
                return secret
        raise AssistantNotFound

    def authenticate(self, secret: str) -> ApiKey:
        """Return the key of a secret. Raises Unauthorized, also for an expired one."""
        if not secret.startswith(PREFIX) or len(secret) > LONGEST:
            raise Unauthorized
        digests = self._keyring.digests(secret)
        key = self._keys.find_by_digests(digests)
        if key is None:
            raise Unauthorized
        present = key.digest in digests
        if present and key.expires_at is None:
            return key
        until = key.expires_at if present else key.previous_until
        if until is None or until <= self._now():
            raise Unauthorized
        return key

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._keys.remove_for_assistant(assistant_id)

    def _open(self, key: ApiKey) -> str | None:
        return self._keyring.open(key.sealed) if key.sealed else None

    def _new(
        self,
        assistant_id: str,
        *,
        name: str,
        scopes: tuple[KeyScope, ...],
        expires_at: datetime | None = None,
        main: bool = False,
    ) -> IssuedKey:
        secret = _new_secret()
        key = ApiKey(
            id=new_id(),
            assistant_id=assistant_id,
            main=main,
            name=name,
            scopes=scopes,
            hint=secret[-4:],
            digest=self._keyring.digest(secret),
            sealed=self._keyring.seal(secret) if main else None,
            previous_digest=None,
            previous_until=None,
            expires_at=expires_at,
            created_at=self._now(),
            rotated_at=None,
        )
        return IssuedKey(key=key, secret=secret)


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)
