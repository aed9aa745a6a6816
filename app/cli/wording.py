"""How commands say things."""

from app.errors import AppError
from app.models.document import Document
from app.texts import has_text, text

KB, MB = 1024, 1024 * 1024


def reason_of(error: AppError | OSError) -> str:
    """Return what a failure is, with what is wrong with which field."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if error.fields:
        return "; ".join(f"{name} {_words(it)}" for name, it in error.fields.items())
    places = {name: _words(value) for name, value in error.details.items()}
    return text(f"error.{error.words or error.code}", "en", **places)


def remark_on(document: Document) -> str | None:
    """Return what its record says about its reading, if anything."""
    return text(f"document.{document.error}") if document.error else None


def printable(name: str) -> str:
    """Return a file's name without what would act upon a terminal."""
    return "".join(c if c.isprintable() else "�" for c in name)


def size_of(count: int) -> str:
    """Return a number of bytes as people say it."""
    if count < KB:
        return f"{count} bytes"
    return f"{count / KB:.0f} kB" if count < MB else f"{count / MB:.1f} MB"


def _words(value: object) -> object:
    return text(value) if isinstance(value, str) and has_text(value) else value
