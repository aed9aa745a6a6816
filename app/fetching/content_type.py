import re

_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE | re.ASCII)


def content_type(header: str) -> tuple[str | None, str | None]:
    """Return the type and the charset of a ``Content-Type``; nonsense is None."""
    kind = header.partition(";")[0].strip().lower()
    named = _CHARSET.search(header)
    charset = named[1].lower() if named else None
    return (
        kind if _TYPE.fullmatch(kind) else None,
        charset if charset and _is_known(charset) else None,
    )


def _is_known(charset: str) -> bool:
    try:
        b"    ".decode(charset)
    except UnicodeError:
        return True
    except LookupError:  # unknown, or none of text
        return False
    return True
