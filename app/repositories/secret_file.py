import os
import secrets
from pathlib import Path

FILE = "secret_key"


def kept_secret(folder: Path) -> str:
    """Return the secret kept in ``folder``, made at the first call.

    Several processes that start together get the same one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    if not path.exists():
        draft = folder / f"{FILE}.{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)  # fails where another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()
