from app.extraction.extract import Extract, ExtractionFailed
from app.extraction.reading import read_document


def read(data: bytes | str, extension: str, *, most: int = 1_000_000) -> Extract:
    """Read a document in this process."""
    if isinstance(data, str):
        data = data.encode()
    return read_document(
        data, extension, most=most, on_progress=lambda _done, _of: None
    )


def lines(data: bytes | str, extension: str) -> list[str]:
    """Return a document's lines that are not blank."""
    return [line for line in read(data, extension).text.split("\n") if line.strip()]


def titles(extract: Extract) -> list[tuple[int, str]]:
    """Return the headings; each stands in the text where it says, if anywhere."""
    for heading in extract.headings:
        said = extract.text[heading.start : heading.end]
        assert heading.title in " ".join(said.split()) or not said
    return [(heading.level, heading.title) for heading in extract.headings]


def reason(data: bytes | str, extension: str, *, most: int = 1_000_000) -> str | None:
    """Return why a document cannot be read, None when it can."""
    try:
        read(data, extension, most=most)
    except ExtractionFailed as exc:
        return exc.reason
    return None
