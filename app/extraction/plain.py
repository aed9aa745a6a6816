"""Markdown and plain text."""

from app.errors import DocumentEmpty, DocumentEncodingUnknown, DocumentNotText
from app.extraction.draft import Draft
from app.extraction.extract import ExtractionFailed
from app.extraction.text_reading import read_text


def read_markdown(data: bytes, draft: Draft) -> None:
    draft.markdown = True
    draft.write(decoded(data))


def read_plain(data: bytes, draft: Draft) -> None:
    draft.write(decoded(data))


def decoded(data: bytes) -> str:
    """Return a file's text. Raises ExtractionFailed."""
    try:
        return read_text(data)
    except DocumentEmpty:
        raise ExtractionFailed("empty") from None
    except DocumentNotText:
        raise ExtractionFailed("not_that_format") from None
    except DocumentEncodingUnknown:
        raise ExtractionFailed("encoding_unknown") from None
