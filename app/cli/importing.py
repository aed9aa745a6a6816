"""Files that become documents of an assistant."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from app.cli.admin import ADMIN
from app.cli.folders import FolderFile
from app.cli.report import FAILED, Row
from app.cli.wording import reason_of
from app.errors import (
    AppError,
    AssistantNotFound,
    DocumentExists,
    StorageFull,
    StoreUnavailable,
)
from app.models.caller import Caller
from app.models.document import Document, DocumentStatus, DocumentType
from app.services.knowledge.documents import check_contents

ADDED, REPLACED, UNCHANGED = "added", "replaced", "unchanged"
SKIPPED, NOT_TRIED = "skipped", "not tried"
OUTCOMES = (ADDED, REPLACED, UNCHANGED, SKIPPED, FAILED, NOT_TRIED)

CHANGED = "Another document has this name; --replace puts the file in its place."
CHANGED_MEANWHILE = "Somebody else has just added or changed a document of this name."
FATAL = (AssistantNotFound, StorageFull, StoreUnavailable)


class Documents(Protocol):
    def check_size(self, size: int) -> None: ...
    def upload(
        self,
        caller: Caller,
        *,
        assistant_id: str,
        document_type: DocumentType,
        filename: str,
        data: bytes,
        replacing: bool = False,
    ) -> Document: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What came of a file; ``fatal``: the others need not be tried."""

    row: Row
    document: Document | None = None
    fatal: bool = False


class Importer:
    """Uploads files, but for those that are documents already.

    What has never been read is no reason to leave a file out: the same one is read
    again, another one takes its place.
    """

    def __init__(
        self,
        documents: Documents,
        assistant_id: str,
        *,
        known: dict[str, Document],
        replacing: bool,
        dry_run: bool,
    ) -> None:
        self._documents = documents
        self._assistant_id = assistant_id
        self._known = known
        self._replacing = replacing
        self._dry_run = dry_run

    def take(self, file: FolderFile) -> Imported:
        if reason := file.skipped or file.failed:
            return _without(file, SKIPPED if file.skipped else FAILED, reason)
        try:
            self._documents.check_size(file.size)
            data = file.path.read_bytes()
            check_contents(file.extension, data)
        except (AppError, OSError) as exc:
            return _without(file, FAILED, reason_of(exc))
        known = self._known.get(file.name)
        outcome = _compared(known, data)
        if outcome == REPLACED and not (self._replacing or _is_nothing(known)):
            return _without(file, SKIPPED, CHANGED)
        if self._dry_run:
            return _without(file, outcome, None)
        return self._upload(file, data, outcome)

    def _upload(self, file: FolderFile, data: bytes, outcome: str) -> Imported:
        try:
            document = self._documents.upload(
                ADMIN,
                assistant_id=self._assistant_id,
                document_type=DocumentType.RAG,
                filename=file.name,
                data=data,
                replacing=outcome != ADDED,
            )
        except DocumentExists:
            return _without(file, FAILED, CHANGED_MEANWHILE)
        except AppError as exc:
            fatal = isinstance(exc, FATAL)
            return _without(file, FAILED, reason_of(exc), fatal=fatal)
        except OSError as exc:
            reason = f"It cannot be stored at {exc.filename}: {exc.strerror}."
            return _without(file, FAILED, reason, fatal=True)
        return Imported(row=_row(file, outcome, None), document=document)


def _compared(known: Document | None, data: bytes) -> str:
    if known is None:
        return ADDED
    same = known.sha256 == hashlib.sha256(data).hexdigest()
    return UNCHANGED if same else REPLACED


def _is_nothing(known: Document | None) -> bool:
    """Tell whether nothing of a document is found, as reading it failed."""
    return (
        known is not None
        and known.status is DocumentStatus.FAILED
        and known.indexed is None
    )


def _without(
    file: FolderFile, outcome: str, reason: str | None, *, fatal: bool = False
) -> Imported:
    return Imported(row=_row(file, outcome, reason), fatal=fatal)


def _row(file: FolderFile, outcome: str, reason: str | None) -> Row:
    return Row(name=file.name, outcome=outcome, reason=reason, size=file.size)
