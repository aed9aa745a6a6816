"""Documents that are fetched from addresses that users give."""

from typing import Protocol

from app.errors import DocumentExists
from app.extraction.formats import FORMATS
from app.fetching.charsets import as_utf8
from app.fetching.fetch import Fetched
from app.fetching.filenames import ACCEPT, filename_for
from app.fetching.targets import parse
from app.models.api_key import KeyScope
from app.models.assistant import AssistantRole
from app.models.caller import Caller
from app.models.document import Document, DocumentType
from app.services.access import AccessService
from app.services.knowledge.documents import MEGABYTE, check_filename

SECONDS = 19.0  # of 20 for the whole answer
TEXTS = (".csv", ".htm", ".html", ".json", ".md", ".txt")


class Documents(Protocol):
    def find_by_filename(self, assistant_id: str, filename: str) -> Document | None: ...
    def find_by_source(self, assistant_id: str, source_url: str) -> Document | None: ...


class Uploads(Protocol):
    def upload(
        self,
        caller: Caller,
        *,
        assistant_id: str,
        document_type: DocumentType,
        filename: str,
        data: bytes,
        replacing: bool = False,
        source_url: str | None = None,
    ) -> Document: ...


class Fetching(Protocol):
    def fetch(
        self, url: str, *, accept: str, most_bytes: int, seconds: float
    ) -> Fetched: ...


class PageService:
    """Fetches what stands at an address, and stores it as an upload is stored."""

    def __init__(
        self,
        *,
        documents: Documents,
        uploads: Uploads,
        fetcher: Fetching,
        access: AccessService,
        max_upload_mb: int,
    ) -> None:
        self._documents = documents
        self._uploads = uploads
        self._fetcher = fetcher
        self._access = access
        self._most_bytes = max_upload_mb * MEGABYTE

    def add(
        self,
        caller: Caller,
        *,
        assistant_id: str,
        url: str,
        filename: str | None = None,
        replacing: bool = False,
    ) -> Document:
        """Fetch a document, under ``filename`` or a name made of its address.

        What came from this address before keeps its name. Raises what an upload
        does, and the Address… errors.
        """
        self._access.check(
            caller, assistant_id, role=AssistantRole.EDITOR, scope=KeyScope.DOCUMENTS
        )
        source_url = parse(url).url
        known = self._documents.find_by_source(assistant_id, source_url)
        name = known.filename if known else filename
        if name is not None:
            self._check_name(assistant_id, name, replacing=replacing)
        fetched = self._fetcher.fetch(
            source_url, accept=ACCEPT, most_bytes=self._most_bytes, seconds=SECONDS
        )
        name = name or filename_for(fetched.final_url, fetched.content_type)
        is_text = name.lower().endswith(TEXTS)
        return self._uploads.upload(
            caller,
            assistant_id=assistant_id,
            document_type=DocumentType.RAG,
            filename=name,
            data=as_utf8(fetched.data, fetched.charset) if is_text else fetched.data,
            replacing=replacing,
            source_url=source_url,
        )

    def _check_name(self, assistant_id: str, name: str, *, replacing: bool) -> None:
        """Refuse what an upload would refuse, before the address is asked."""
        check_filename(name, FORMATS, field="filename")
        if not replacing and self._documents.find_by_filename(assistant_id, name):
            raise DocumentExists
