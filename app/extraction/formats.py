"""Which formats are read, and whether a file is what its name says."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from app.extraction.draft import Draft
from app.extraction.extract import ExtractionFailed

Reader = Callable[[bytes, Draft], None]

_ZIP = b"PK\x03\x04"
_COMPOUND_FILE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
_PDF_HEADER_WITHIN = 1024
_MAIL_HEADER = re.compile(rb"\s*(?:From .*\r?\n)?[!-9;-~]+[ \t]*:")
_MARKUP = re.compile(rb"(?i)(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|head|body|\?xml)")


@dataclass(frozen=True, slots=True)
class Format:
    """``module`` of this package and its ``function`` read it.

    ``check`` looks at the bytes and raises ExtractionFailed.
    """

    module: str
    function: str
    check: Callable[[bytes], None]

    def reader(self) -> Reader:
        # Loaded by the child alone, and no more than the one format's parser.
        module = import_module(f"app.extraction.{self.module}")
        reader: Reader = getattr(module, self.function)
        return reader


def _check_pdf(data: bytes) -> None:
    if b"%PDF-" not in data[:_PDF_HEADER_WITHIN]:
        raise ExtractionFailed("not_that_format")


def _check_office(data: bytes) -> None:
    if data.startswith(_COMPOUND_FILE) and _ENCRYPTED_PACKAGE in data:
        raise ExtractionFailed("encrypted")
    if not data.startswith(_ZIP):
        raise ExtractionFailed("not_that_format")


def _check_mail(data: bytes) -> None:
    if not _MAIL_HEADER.match(data):
        raise ExtractionFailed("not_that_format")


def _check_no_markup(data: bytes) -> None:
    if _MARKUP.match(data):
        raise ExtractionFailed("not_that_format")


def _check_nothing(_data: bytes) -> None:
    """Reading it as text says whether it is one."""


FORMATS: Mapping[str, Format] = {
    "csv": Format("csv_table", "read_csv", _check_no_markup),
    "docx": Format("docx", "read_docx", _check_office),
    "eml": Format("mail", "read_mail", _check_mail),
    "htm": Format("html", "read_html", _check_nothing),
    "html": Format("html", "read_html", _check_nothing),
    "json": Format("json_values", "read_json", _check_no_markup),
    "md": Format("plain", "read_markdown", _check_nothing),
    "pdf": Format("pdf", "read_pdf", _check_pdf),
    "pptx": Format("pptx", "read_pptx", _check_office),
    "txt": Format("plain", "read_plain", _check_nothing),
    "xlsx": Format("xlsx", "read_xlsx", _check_office),
}
