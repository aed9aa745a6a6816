"""Who is told of documents."""

from app.models.document import Document, DocumentStatus
from tests.support.fake_documents import FakeDocuments

Shown = tuple[DocumentStatus, float, str | None]


class FakeWatchers:
    """Looks a document up each time it is told of it, as those who watch do."""

    def __init__(self, documents: FakeDocuments) -> None:
        self._documents = documents
        self.seen: list[Document | None] = []

    def tell(self, document: Document) -> None:
        found = self._documents.get(document.id, assistant_ids=[document.assistant_id])
        self.seen.append(found)

    def shown(self) -> list[Shown | None]:
        """Return status, progress and error of each that was seen; None: gone."""
        return [
            (one.status, one.progress, one.error) if one else None for one in self.seen
        ]
