"""Office Open XML: a zip of XML parts that name each other."""

import posixpath
import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from lxml import etree

from app.extraction.extract import ExtractionFailed

MOST_MEMBERS = 10_000
MOST_UNPACKED = 300 * 1024 * 1024
HIGHEST_RATIO = 300
"""Unpacked to packed, of a member above ``SMALL``: XML packs to a hundredth at most."""

SMALL = 10 * 1024 * 1024

_ENCRYPTED = 1
_PARSING = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


class Package:
    """The parts of a document; nothing is unpacked but what is asked for."""

    def __init__(self, data: bytes, *, root: str) -> None:
        """``root`` is the local name of the main part's first element.

        Raises ExtractionFailed.
        """
        try:
            self._archive = zipfile.ZipFile(BytesIO(data))
        except (zipfile.BadZipFile, NotImplementedError) as exc:
            raise ExtractionFailed("broken") from exc
        self._check_sizes()
        self._names = {name.lower(): name for name in self._archive.namelist()}
        found = self.related("", "officeDocument")
        if not found:
            raise ExtractionFailed("not_that_format")
        self.main = next(iter(found.values()))
        self.root = self.parse(self.main)
        if local(self.root) != root:
            raise ExtractionFailed("not_that_format")

    def parse(self, part: str) -> etree._Element:
        """Return a part's root. Raises ExtractionFailed."""
        with self.open(part) as stream:
            tree = etree.parse(stream, etree.XMLParser(**_PARSING))
        _check_no_doctype(tree.docinfo.doctype)
        return tree.getroot()

    def elements(self, part: str, name: str) -> Iterator[etree._Element]:
        """Yield a part's elements of a local name, each dropped after its turn."""
        with self.open(part) as stream:
            parsing = etree.iterparse(stream, tag=f"{{*}}{name}", **_PARSING)
            for index, (_, element) in enumerate(parsing):
                if index == 0:
                    _check_no_doctype(element.getroottree().docinfo.doctype)
                yield element
                element.clear(keep_tail=False)
                while element.getprevious() is not None:
                    del element.getparent()[0]

    def open(self, part: str) -> IO[bytes]:
        return self._archive.open(self._names[part.lower()])

    def related(self, part: str, kind: str) -> dict[str, str]:
        """Return the parts of a kind that a part refers to, by their ids."""
        folder, name = posixpath.split(part)
        relations = posixpath.join(folder, "_rels", f"{name}.rels")
        if relations.lower() not in self._names:
            return {}
        found = {}
        for relation in self.parse(relations):
            if relation.get("TargetMode") == "External":
                continue
            target = posixpath.join("/", folder, relation.get("Target", ""))
            target = posixpath.normpath(target).lstrip("/")
            if (
                relation.get("Type", "").endswith(f"/{kind}")
                and target.lower() in self._names
            ):
                found[relation.get("Id", "")] = target
        return found

    def _check_sizes(self) -> None:
        members = self._archive.infolist()
        unpacked = sum(member.file_size for member in members)
        if len(members) > MOST_MEMBERS or unpacked > MOST_UNPACKED:
            raise ExtractionFailed("too_large")
        for member in members:
            if member.flag_bits & _ENCRYPTED:
                raise ExtractionFailed("encrypted")
            most = max(HIGHEST_RATIO * member.compress_size, SMALL)
            if member.file_size > most:
                raise ExtractionFailed("too_large")


def local(element: etree._Element) -> str:
    """Return an element's name without its namespace: there are two of each."""
    return str(element.tag).rpartition("}")[2]


def attribute(element: etree._Element, name: str) -> str | None:
    """Return an attribute's value, whatever namespace it is in."""
    for key, value in element.items():
        if key == name or key.endswith(f"}}{name}"):
            return str(value)
    return None


def child(element: etree._Element | None, *names: str) -> etree._Element | None:
    """Return what is found by going down by local names, or None."""
    for name in names:
        if element is None:
            return None
        element = element.find(f"{{*}}{name}")
    return element


def is_on(element: etree._Element | None) -> bool:
    """Tell whether a property is set: its element alone says so."""
    if element is None:
        return False
    return attribute(element, "val") not in {"0", "false", "off", "none"}


def _check_no_doctype(doctype: str) -> None:
    """Raises ExtractionFailed: the format forbids it, and entities come with it."""
    if doctype:
        raise ExtractionFailed("broken", "a document type in a part")
