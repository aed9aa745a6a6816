from app.errors import DocumentEmpty
from app.models.document import Chunk, Document
from app.models.ids import new_id
from app.models.language import detect_language
from app.services.splitting import split


def chunks_of(document: Document, text: str, *, markdown: bool) -> list[Chunk]:
    """Split a document's text into its chunks, in order. Raises DocumentEmpty."""
    language = detect_language(text)
    chunks = [
        Chunk(
            id=new_id(),
            assistant_id=document.assistant_id,
            document_id=document.id,
            revision=document.revision,
            position=position,
            filename=document.filename,
            page=None,
            heading=piece.heading,
            language=language,
            text=piece.text,
        )
        for position, piece in enumerate(split(text, markdown=markdown))
    ]
    if not chunks:
        raise DocumentEmpty
    return chunks
