"""Names for what was fetched, so that it is stored like an upload."""

import mimetypes
import re
from posixpath import basename, splitext
from urllib.parse import unquote, urlsplit

from app.models.filenames import safe_name

_OFFICE = "application/vnd.openxmlformats-officedocument"
EXTENSIONS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "application/pdf": ".pdf",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/x-markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
    "message/rfc822": ".eml",
    f"{_OFFICE}.wordprocessingml.document": ".docx",
    f"{_OFFICE}.presentationml.presentation": ".pptx",
    f"{_OFFICE}.spreadsheetml.sheet": ".xlsx",
}
ACCEPT = ", ".join((*EXTENSIONS, "*/*;q=0.1"))
"""What a document may be, for the header ``Accept``."""

_VAGUE = frozenset({"text/plain", "application/octet-stream", "binary/octet-stream"})
_PAGE = ".html"
_JOINTS = re.compile(r"[/?&=]+")


def filename_for(final_url: str, content_type: str | None) -> str:
    """Return the file name for what stood at an address.

    A page is named after its host, path and query, since ``index`` and ``about`` are
    on every site: ``example.com-guide-install.html``. A file keeps the name that it
    has there. The same address gives the same name. A vague content type counts less
    than the extension; without either it is a page.
    """
    parts = urlsplit(final_url)
    path = unquote(parts.path)
    last = basename(path)
    extension = _extension(last, content_type)
    stem = splitext(last)[0].strip(" .")
    if extension != _PAGE and stem:
        return safe_name(stem + extension)
    where = f"{parts.hostname}{path}"
    where = splitext(where)[0] if where.lower().endswith((".html", ".htm")) else where
    if parts.query:
        where = f"{where}?{unquote(parts.query)}"
    return safe_name(_JOINTS.sub("-", where).strip("-") + extension)


def _extension(last: str, content_type: str | None) -> str:
    found = splitext(last)[1].lower()
    found = _PAGE if found == ".htm" else found
    known = found in EXTENSIONS.values()
    if content_type is None or content_type in _VAGUE:
        return found if known else EXTENSIONS.get(content_type or "text/html", ".bin")
    return (
        EXTENSIONS.get(content_type)
        or mimetypes.guess_extension(content_type)
        or ".bin"
    )
