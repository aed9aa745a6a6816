"""Watching documents until they are indexed."""

import contextlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import click

from app.cli.admin import ADMIN
from app.cli.progress import Progress, progress
from app.cli.report import FAILED, Row
from app.cli.wording import printable, remark_on
from app.errors import DocumentNotFound, StoreUnavailable
from app.models.caller import Caller
from app.models.document import Document, DocumentStatus

LOOK_EVERY = 0.3
LOOKED_AT = 32
"""Documents that wait, of which each look is at that many: they are read in order."""

STEPS = 100
READY, WAITING = "ready", "waiting"
OUTCOMES = (READY, WAITING, FAILED)
DELETED = "It was deleted meanwhile."


class Documents(Protocol):
    def get(self, caller: Caller, document_id: str) -> Document: ...


class Following:
    """Documents as they were when last looked at; None: deleted meanwhile."""

    def __init__(self, documents: Documents, wanted: Iterable[Document]) -> None:
        self._documents = documents
        self.latest: dict[str, Document | None] = {}
        self._names: dict[str, str] = {}
        self._waiting: list[str] = []
        for document in wanted:
            self.latest[document.id] = document
            self._names[document.id] = document.filename
            if document.is_waiting:
                self._waiting.append(document.id)
        self._wanted = len(self._waiting)
        self._remarks: Mapping[str, str | None] = {}

    def until_done(self, interrupted: threading.Event) -> None:
        """Show how they are indexed, until all are or have failed, or a Ctrl-C."""
        if not self._waiting:
            return
        position = 0
        with progress("Reading", self._wanted * STEPS) as shown:
            while self._waiting and not interrupted.is_set():
                self._look(shown)
                reached = int(STEPS * self._share())
                shown.advance(reached - position, self._at_hand())
                position = reached
                if self._waiting:
                    interrupted.wait(LOOK_EVERY)

    def row(self, document_id: str) -> Row:
        document = self.latest[document_id]
        name = self._names[document_id]
        if document is None:
            return Row(name=name, outcome=FAILED, reason=DELETED)
        outcome = WAITING if document.is_waiting else READY
        if document.status is DocumentStatus.FAILED:
            outcome = FAILED
        remark = remark_on(document)
        return Row(name=name, outcome=outcome, reason=remark, size=document.size)

    def tell_waiting(self) -> None:
        """Say how many are not searchable yet, and what makes them so."""
        waiting = sum(1 for one in self.latest.values() if one and one.is_waiting)
        if waiting:
            click.echo(
                f"\nStill to be read: {waiting:,}. A server that has WORKERS does it,"
                " `flask worker`, or this command once more."
            )

    def _look(self, shown: Progress) -> None:
        still: list[str] = []
        looked_at = 0
        with contextlib.suppress(StoreUnavailable):  # the worker logs it
            for document_id in self._waiting:
                if len(still) == LOOKED_AT:
                    break
                self.latest[document_id] = document = self._get(document_id)
                looked_at += 1
                if document and document.is_waiting:
                    still.append(document_id)
                else:
                    shown.done(str(self.row(document_id)))
        self._tell_why(still, shown)
        self._waiting = still + self._waiting[looked_at:]

    def _get(self, document_id: str) -> Document | None:
        try:
            return self._documents.get(ADMIN, document_id)
        except DocumentNotFound:
            return None

    def _tell_why(self, waiting: Sequence[str], shown: Progress) -> None:
        """Say once what a document waits for, where its record says it."""
        rows = {document_id: self.row(document_id) for document_id in waiting}
        for document_id, row in rows.items():
            if row.reason and row.reason != self._remarks.get(document_id):
                shown.done(str(row))
        self._remarks = {document_id: row.reason for document_id, row in rows.items()}

    def _share(self) -> float:
        """Return how many documents are done, with the parts of those under way."""
        under_way = (self.latest[it] for it in self._waiting[:LOOKED_AT])
        parts = sum(document.progress for document in under_way if document)
        return self._wanted - len(self._waiting) + parts

    def _at_hand(self) -> str:
        done = f"{self._wanted - len(self._waiting)} of {self._wanted}"
        if not self._waiting:
            return done
        row = self.row(self._waiting[0])
        why = f": {row.reason}" if row.reason else ""
        return f"{done}, {printable(row.name)}{why}"
