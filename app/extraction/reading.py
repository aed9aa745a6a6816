import traceback
from pathlib import Path

from app.extraction.draft import Draft, Progress
from app.extraction.extract import Extract, ExtractionFailed
from app.extraction.formats import FORMATS


def read_document(
    data: bytes, extension: str, *, most: int, on_progress: Progress
) -> Extract:
    """Return what a document says; ``most`` characters at most.

    Raises ExtractionFailed, whatever the bytes are.
    """
    chosen = FORMATS.get(extension)
    if chosen is None:
        raise ExtractionFailed("unsupported")
    if not data.strip():
        raise ExtractionFailed("empty")
    draft = Draft(most=most, on_progress=on_progress)
    try:
        chosen.check(data)
        chosen.reader()(data, draft)
        return draft.finished()
    except ExtractionFailed:
        raise
    except MemoryError:
        raise ExtractionFailed("too_much_memory") from None
    except Exception as exc:
        # A damaged file makes its parser raise anything.
        raise ExtractionFailed("broken", _place(exc)) from exc


def _place(exc: Exception) -> str:
    """Name an exception and where it arose; its message may quote the document."""
    last = traceback.extract_tb(exc.__traceback__)[-1]
    return f"{type(exc).__name__} at {Path(last.filename).name}:{last.lineno}"
