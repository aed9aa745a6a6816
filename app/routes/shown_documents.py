from dataclasses import asdict
from typing import Any

from app.models.document import Document
from app.routes.errors import request_language
from app.texts import text


def shown_document(document: Document, language: str | None = None) -> dict[str, Any]:
    """Return a document as people read it: why it failed is told in their language."""
    shown = asdict(document) | {"_id": document.id}
    if document.error:
        key = f"document.{document.error}"
        shown["error"] = text(key, language or request_language())
    return shown
