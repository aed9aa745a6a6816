from pydantic import SecretStr

from app.config import ConfigurationError, Settings
from app.repositories.secret_file import kept_secret
from app.services.keyring import SHORTEST_SECRET, Keyring


def open_keyring(settings: Settings) -> Keyring:
    """Return the keys of ``SECRET_KEY``, which the embedded store makes and keeps.

    Raises ConfigurationError.
    """
    current = plain(settings.secret_key)
    if current is None:
        if settings.mongodb_uri is not None:
            raise ConfigurationError("SECRET_KEY: required with MONGODB_URI")
        current = kept_secret(settings.data_dir)
    previous = plain(settings.secret_key_previous)
    for name, secret in (("SECRET_KEY", current), ("SECRET_KEY_PREVIOUS", previous)):
        if secret is not None and len(secret.encode()) < SHORTEST_SECRET:
            raise ConfigurationError(f"{name}: shorter than {SHORTEST_SECRET} bytes")
    return Keyring(current=current, previous=previous)


def plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
