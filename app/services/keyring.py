import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

SHORTEST_SECRET = 32


class Keyring:
    """The keys made from ``SECRET_KEY``, one for each use.

    The previous secret still opens what it closed; only the current one closes.
    """

    def __init__(self, *, current: str, previous: str | None = None) -> None:
        self._secrets = [current] + ([previous] if previous else [])
        self._digesting = [
            hmac.new(_derived(secret, "digests"), digestmod="sha256")
            for secret in self._secrets
        ]
        self._sealing = MultiFernet(
            [
                Fernet(base64.urlsafe_b64encode(_derived(secret, "sealing")))
                for secret in self._secrets
            ]
        )

    def token_keys(self) -> dict[str, str]:
        """Return the keys of access tokens by their name, the current one first."""
        keys = [_derived(secret, "tokens").hex() for secret in self._secrets]
        return {hashlib.sha256(key.encode()).hexdigest()[:8]: key for key in keys}

    def digest(self, value: str) -> str:
        """Return a keyed digest of a secret, to find it by."""
        return self.digests(value)[0]

    def digests(self, value: str) -> list[str]:
        """Return its digests under the current and the previous secret."""
        message = value.encode("utf-8", "surrogateescape")
        return [_digested(begun, message) for begun in self._digesting]

    def seal(self, value: str) -> str:
        return self._sealing.encrypt(value.encode()).decode()

    def open(self, sealed: str) -> str | None:
        """Return what was sealed; None when neither secret opens it."""
        try:
            return self._sealing.decrypt(sealed.encode()).decode()
        except InvalidToken:
            return None

    def setup_token(self) -> str:
        """Return the setup token that start-up logs while there is no user.

        It is made from the secret, so that every process knows the same one.
        """
        return base64.urlsafe_b64encode(
            _derived(self._secrets[0], "setup")[:18]
        ).decode()


def _digested(begun: hmac.HMAC, message: bytes) -> str:
    digest = begun.copy()  # half the time of beginning with the key
    digest.update(message)
    return digest.hexdigest()


def _derived(secret: str, use: str) -> bytes:
    return hmac.digest(secret.encode(), f"orquestradora {use}".encode(), "sha256")
