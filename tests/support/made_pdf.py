"""PDF files written by hand: text, outlines, and what is wrong with some."""

from collections.abc import Sequence
from dataclasses import dataclass

Outline = Sequence[tuple[int, int, str]]
"""Page's index, level from 1, title."""


@dataclass(frozen=True)
class MadePdf:
    """A PDF with a line of text for each line of its pages."""

    pages: Sequence[str]
    outline: Outline = ()
    encrypted: bool = False

    def data(self) -> bytes:
        return _written(self.objects(), encrypted=self.encrypted)

    def objects(self) -> dict[int, bytes]:
        """Return the objects by number; 1 is the catalogue and 2 the page tree."""
        first = 4
        kids = " ".join(f"{first + 2 * i} 0 R" for i in range(len(self.pages)))
        tree = f"<< /Type /Pages /Count {len(self.pages)} /Kids [{kids}] >>"
        font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica"
        objects = {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: tree.encode(),
            3: f"{font} /Encoding /WinAnsiEncoding >>".encode(),
        }
        for index, page in enumerate(self.pages):
            number = first + 2 * index
            described = (
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
                " /Resources << /Font << /F1 3 0 R >> >>"
                f" /Contents {number + 1} 0 R >>"
            )
            objects[number] = described.encode()
            objects[number + 1] = stream(_shown(page))
        if self.outline:
            self._add_outline(objects, first)
        return objects

    def _add_outline(self, objects: dict[int, bytes], first: int) -> None:
        root = max(objects) + 1
        objects[1] = f"<< /Type /Catalog /Pages 2 0 R /Outlines {root} 0 R >>".encode()
        numbers = [root + 1 + index for index in range(len(self.outline))]
        levels = [level for _, level, _ in self.outline]
        parents = [_parent(levels, index) for index in range(len(levels))]
        for number, (page, _, title), parent in zip(
            numbers, self.outline, parents, strict=True
        ):
            index = number - root - 1
            above = root if parent is None else numbers[parent]
            following = next(
                (i for i in range(index + 1, len(levels)) if parents[i] == parent), None
            )
            inner = [numbers[i] for i in range(len(levels)) if parents[i] == index]
            objects[number] = b" ".join(
                [
                    b"<< /Title",
                    ("\ufeff" + title).encode("utf-16-be").hex().join("<>").encode(),
                    f"/Parent {above} 0 R".encode(),
                    f"/Dest [{first + 2 * page} 0 R /Fit]".encode(),
                    b""
                    if following is None
                    else f"/Next {numbers[following]} 0 R".encode(),
                    f"/First {inner[0]} 0 R /Last {inner[-1]} 0 R".encode()
                    if inner
                    else b"",
                    b">>",
                ]
            )
        top = [n for n, parent in zip(numbers, parents, strict=True) if parent is None]
        objects[root] = (
            f"<< /Type /Outlines /First {top[0]} 0 R /Last {top[-1]} 0 R >>".encode()
        )


def stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)


def written(objects: dict[int, bytes]) -> bytes:
    return _written(objects, encrypted=False)


def _parent(levels: Sequence[int], index: int) -> int | None:
    for above in range(index - 1, -1, -1):
        if levels[above] < levels[index]:
            return above
    return None


def _shown(page: str) -> bytes:
    if not page:
        return b"0 0 10 10 re f"
    lines = []
    for number, line in enumerate(page.split("\n")):
        text = line.encode("cp1252").replace(b"\\", b"\\\\")
        text = text.replace(b"(", b"\\(").replace(b")", b"\\)")
        lines.append(b"1 0 0 1 60 %d Tm (%s) Tj" % (790 - 15 * number, text))
    return b"BT /F1 11 Tf " + b"\n".join(lines) + b" ET"


def _written(objects: dict[int, bytes], *, encrypted: bool) -> bytes:
    data = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = {}
    for number, content in sorted(objects.items()):
        places[number] = len(data)
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(data)
    data += b"xref\n0 1\n0000000000 65535 f \n"
    for number, place in places.items():
        data += b"%d 1\n%010d 00000 n \n" % (number, place)
    protected = b""
    if encrypted:
        key = b"00" * 32
        protected = (
            b"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>"
            b" /ID [<00> <00>]" % (key, key)
        )
    data += b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        max(objects) + 1,
        protected,
        start,
    )
    return bytes(data)
