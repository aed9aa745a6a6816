from app.extraction.extract import Extract
from app.models.document import Chunk, Document
from app.models.language import detect_language
from app.services.knowledge.splitting import split


def chunks_of(document: Document, extract: Extract) -> list[Chunk]:
    """Split what a document says into its chunks, in order.

    Their ids come of the revision: to split it again gives the same.
    """
    language = detect_language(extract.text)
    return [
        Chunk(
            id=f"{document.revision}-{position}",
            assistant_id=document.assistant_id,
            document_id=document.id,
            revision=document.revision,
            position=position,
            filename=document.filename,
            pages=piece.pages,
            heading=piece.heading,
            language=language,
            start=piece.start,
            text=piece.text,
        )
        for position, piece in enumerate(split(extract))
    ]
