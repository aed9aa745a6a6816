import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from app.errors import AssistantNotFound, Unauthorized
from app.models.api_key import ApiKey, KeyScope
from app.models.ids import new_id
from app.services.keyring import Keyring

PREFIX = "sk_"
LONGEST = 200


class ApiKeys(Protocol):
    def add(self, key: ApiKey) -> None: ...
    def find_by_digests(self, digests: Sequence[str]) -> ApiKey | None: ...
    def find_main(self, assistant_id: str) -> ApiKey | None: ...
    def find_main_for(self, assistant_ids: Sequence[str]) -> dict[str, ApiKey]: ...
    def replace(self, old: ApiKey, new: ApiKey) -> bool: ...
    def remove_for_assistant(self, assistant_id: str) -> None: ...


class ApiKeyService:
    """Issue, show, rotate and check the keys that let programs talk.

    A key is found by a keyed digest and its main copy is sealed, so a stolen
    database opens nothing.
    """

    def __init__(
        self, *, keys: ApiKeys, keyring: Keyring, now: Callable[[], datetime]
    ) -> None:
        self._keys = keys
        self._keyring = keyring
        self._now = now

    def issue(self, assistant_id: str) -> str:
        """Create the assistant's main key and return its secret."""
        secret = _new_secret()
        self._keys.add(
            ApiKey(
                id=new_id(),
                assistant_id=assistant_id,
                scope=KeyScope.CHAT,
                hint=secret[-4:],
                digest=self._keyring.digest(secret),
                sealed=self._keyring.seal(secret),
                previous_digest=None,
                previous_until=None,
                created_at=self._now(),
                rotated_at=None,
            )
        )
        return secret

    def reveal(self, assistant_id: str) -> str | None:
        """Return the main key's secret; None when no SECRET_KEY of ours opens it."""
        key = self._keys.find_main(assistant_id)
        return self._keyring.open(key.sealed) if key else None

    def reveal_all(self, assistant_ids: Sequence[str]) -> dict[str, str | None]:
        keys = self._keys.find_main_for(assistant_ids)
        return {name: self._keyring.open(key.sealed) for name, key in keys.items()}

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
        """Return the key of a secret. Raises Unauthorized."""
        if not secret.startswith(PREFIX) or len(secret) > LONGEST:
            raise Unauthorized
        digests = self._keyring.digests(secret)
        key = self._keys.find_by_digests(digests)
        if key is None:
            raise Unauthorized
        if key.digest in digests:
            return key
        if key.previous_until is None or key.previous_until <= self._now():
            raise Unauthorized
        return key

    def remove_for_assistant(self, assistant_id: str) -> None:
        self._keys.remove_for_assistant(assistant_id)


def _new_secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)
