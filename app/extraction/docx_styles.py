import re
from dataclasses import dataclass

from lxml import etree

from app.extraction.numbering import LEVELS
from app.extraction.office import attribute, child

_BODY_TEXT = 9
"""The outline level of what is no heading."""

_LONGEST_CHAIN = 20
# Word names its styles in English in every language; other programs may not.
_HEADING = re.compile(
    r"(?:heading|t[ií]?tulo|titre|überschrift|encabezado|intestazione)[ _]?([1-9])$",
    re.IGNORECASE,
)
_CONTENTS = re.compile(
    r"(?:toc|sum[aá]rio|contents|índice)[ _]?(?:\d|heading$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Look:
    """What a paragraph is: a heading's level from 1, a list's id, or None."""

    heading_level: int | None = None
    list_id: str | None = None
    list_level: int = 0
    is_contents: bool = False


class Styles:
    def __init__(self, root: etree._Element | None) -> None:
        found = () if root is None else root.iterfind("{*}style")
        self._styles = {attribute(style, "styleId"): style for style in found}
        self._titled = False

    def look(self, paragraph: etree._Element) -> Look:
        """Return what a paragraph's own properties and its styles make it."""
        chain = [paragraph, *self._chain(_value(paragraph, "pPr", "pStyle"))]
        level = list_id = list_level = None
        is_contents = is_title = False
        for source in chain:
            name = _value(source, "name") or ""
            is_contents = is_contents or bool(_CONTENTS.match(name))
            is_title = is_title or name.lower() == "title"
            if level is None:
                level = _level(source, name)
            if list_id is None:
                list_id = _value(source, "pPr", "numPr", "numId")
            if list_level is None:
                list_level = _value(source, "pPr", "numPr", "ilvl")
        if is_title:
            self._titled = True
            return Look(heading_level=1)
        if level is not None and level < _BODY_TEXT:
            level += 2 if self._titled else 1
        else:
            level = None
        return Look(
            heading_level=level,
            list_id=list_id if list_id != "0" else None,
            list_level=min(int(list_level or 0), LEVELS - 1),
            is_contents=is_contents,
        )

    def _chain(self, style_id: str | None) -> list[etree._Element]:
        found: list[etree._Element] = []
        while style_id in self._styles and len(found) < _LONGEST_CHAIN:
            found.append(self._styles[style_id])
            style_id = _value(found[-1], "basedOn")
        return found


def _level(source: etree._Element, name: str) -> int | None:
    """Return an outline level from 0, or None."""
    outline = _value(source, "pPr", "outlineLvl")
    if outline is not None:
        return int(outline)
    for called in (name, attribute(source, "styleId") or ""):
        if found := _HEADING.match(called):
            return int(found[1]) - 1
    return None


def _value(source: etree._Element, *names: str) -> str | None:
    found = child(source, *names)
    return None if found is None else attribute(found, "val")
