"""What a host says of a text's charset, kept in the text itself."""

import codecs

from app.models.charsets import MARKS, decoded_as


def as_utf8(data: bytes, charset: str | None) -> bytes:
    """Return a text in UTF-8 with a mark, which counts more than what a page says.

    What has a mark stays as it is, and so does what is not of that charset.
    """
    if charset is None or data.startswith(MARKS):
        return data
    text = decoded_as(data, charset)
    return data if text is None else codecs.BOM_UTF8 + text.encode()
