"""The zip in which an assistant is taken elsewhere."""

from dataclasses import dataclass

FORMAT, VERSION = "orquestradora-assistant", 1
SETTINGS = (
    "name",
    "company",
    "instructions",
    "model",
    "temperature",
    "max_tokens",
    "retrieval",
    "history",
    "takeover",
)
ASSISTANT, DOCUMENTS, FOLDER = "assistant.json", "documents.json", "documents"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedDocument:
    """A document of an archive; ``file`` names the entry with its bytes."""

    filename: str
    file: str
    size: int
    sha256: str
    source_url: str | None
