"""From upload to searchable, and what chats feel of it meanwhile."""

import json
import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from random import Random

import pypdfium2

from benchmarks.conversations import SERVICE, contact
from benchmarks.knowledge_site import Owner, Site, upload_form
from benchmarks.knowledge_texts import Made, made_document, question
from benchmarks.load import post, run_load
from benchmarks.processes import Cpu
from benchmarks.systems import HISTORY, PATH, PROMPT
from benchmarks.upstream import Script

CONNECTIONS = 8
SPREAD = 0.1
WINDOW = 1.5
RUN = secrets.token_hex(8)
NUMBERS = count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """Seconds of one document: until the upload was answered, ready, found.

    ``chunks`` are what it came to; the processor time is that of the server and of
    the process that read the document.
    """

    uploaded: float
    ready: float
    found: float
    chunks: int
    server: Cpu
    reader: Cpu


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbed:
    """Chats' latencies in seconds, in order: idle, while documents are indexed, idle.

    ``seconds`` is what the documents took.
    """

    before: list[float]
    during: list[float]
    after: list[float]
    failures: int
    documents: int
    seconds: float


@dataclass(slots=True)
class Chats:
    """Contacts who ask an assistant what its documents know, one a connection."""

    site: Site
    key: str
    text: str
    script: Script
    draws: Random = field(default_factory=lambda: Random(3))
    failures: int = 0

    def request(self, number: int) -> bytes:
        body = {
            "id": contact(number),
            "message_service": SERVICE,
            "username": "Clara",
            "message_id": f"{RUN}{next(NUMBERS):012}",
            "message": f"{question(self.text, self.draws)}? {self.script}",
        }
        return post(PATH, json.dumps(body).encode(), f"X-API-Key: {self.key}")

    def load(self, window: float) -> list[float]:
        """Keep every connection asking; returns the latencies in that time."""
        load = run_load(
            self.site.server.port,
            CONNECTIONS,
            self.request,
            spread=SPREAD,
            window=window,
            sample=lambda: None,
        )
        self.failures += load.failures
        return load.latencies


def index_documents(site: Site, *, documents: int, pages: int) -> list[Indexed]:
    """Upload one after the other; the first starts what the server loads late."""
    assistant_id, _ = site.add_assistant()
    with Owner(site) as owner:
        return [
            _index(site, owner, assistant_id, made_document(pages, seed))
            for seed in range(documents)
        ]


def _index(site: Site, owner: Owner, assistant_id: str, made: Made) -> Indexed:
    form = upload_form(assistant_id, made.filename, made.pdf)
    server, reader = site.server.cpu(), site.readers_cpu()
    began = time.perf_counter()
    document_id = owner.upload(form)
    uploaded = time.perf_counter()
    document = owner.wait_until_ready(document_id)
    ready = time.perf_counter()
    passages = owner.search(assistant_id, made.mark)
    found = time.perf_counter()
    if not passages or made.mark not in passages[0]["text"]:
        raise RuntimeError(f"{made.mark} is not found in {document}")
    return Indexed(
        uploaded=uploaded - began,
        ready=ready - began,
        found=found - began,
        chunks=document["chunks"],
        server=site.server.cpu().since(server),
        reader=site.readers_cpu().since(reader),
    )


def disturb_chats(
    site: Site, *, delay: int, documents: int, pages: int, idle: float
) -> Disturbed:
    """Chat with an assistant that knows a document, while it gets many more.

    ``delay`` is the upstream's, in milliseconds, ``idle`` the seconds before and
    after in which nothing else happens.
    """
    assistant_id, key = site.add_assistant(
        instructions=PROMPT, history={"messages": HISTORY}
    )
    known, *more = (made_document(pages, 1_000 + n) for n in range(documents + 1))
    with Owner(site) as owner:
        _index(site, owner, assistant_id, known)
    chats = Chats(site, key, known.text, Script(delay=delay))
    chats.load(idle / 4)  # warm
    before = chats.load(idle)
    forms = [upload_form(assistant_id, made.filename, made.pdf) for made in more]
    with ThreadPoolExecutor(1) as pool:
        began = time.perf_counter()
        indexing = pool.submit(_index_all, site, forms)
        during: list[float] = []
        while not indexing.done():
            latencies = chats.load(WINDOW)
            if not indexing.done() or not during:
                during += latencies
        seconds = indexing.result() - began
    after = chats.load(idle)
    return Disturbed(
        before=before,
        during=sorted(during),
        after=after,
        failures=chats.failures,
        documents=documents,
        seconds=seconds,
    )


def _index_all(site: Site, forms: Sequence[bytes]) -> float:
    """Return when the last of them was ready."""
    with Owner(site) as owner:
        for document_id in [owner.upload(form) for form in forms]:
            owner.wait_until_ready(document_id)
    return time.perf_counter()


def time_to_read(pages: int) -> float:
    """Return the seconds that PDFium alone takes to read such a document."""
    data = made_document(pages, 0).pdf
    began = time.perf_counter()
    for page in pypdfium2.PdfDocument(data):
        page.get_textpage().get_text_range()
    return time.perf_counter() - began
