"""Numbers and dates of a sheet, written as its formats show them."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from lxml import etree

from app.extraction.office import attribute

_BUILT_IN = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%",
    14: "yyyy-mm-dd", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm",
    19: "h:mm:ss", 20: "h:mm", 21: "h:mm:ss", 22: "yyyy-mm-dd h:mm",
    37: "#,##0", 38: "#,##0", 39: "#,##0.00", 40: "#,##0.00", 45: "mm:ss",
    46: "[h]:mm:ss", 47: "mm:ss",
}  # fmt: skip
_CURRENCY = re.compile(r"\[\$([^\]-]+)[^\]]*\]|\"([^\"]*)\"|([$€£¥])")
_LITERAL = re.compile(r"\[[^\]]*\]|\"[^\"]*\"|\\.|_.|\*.")
_DECIMALS = re.compile(r"[0#?]\.(0+)")
_DATE_SIGNS = re.compile(r"[dy]", re.IGNORECASE)
_TIME_SIGNS = re.compile(r"[hs]", re.IGNORECASE)
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_LONGEST_SIGN = 5
_MOST_DECIMALS = 15
_LAST_DAY = 2_958_465
"""The 31st of December 9999."""

_WHOLE_BELOW = 1e15


@dataclass(frozen=True, slots=True)
class _Format:
    date: bool = False
    time: bool = False
    elapsed: bool = False
    percent: bool = False
    decimals: int | None = None
    digits: int = 0
    before: str = ""
    behind: str = ""


class CellFormats:
    def __init__(self, styles: etree._Element | None, from_1904: bool) -> None:  # noqa: FBT001
        self._first = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        self._formats: list[_Format] = []
        if styles is None:
            return
        codes = dict(_BUILT_IN)
        for own in styles.iterfind("{*}numFmts/{*}numFmt"):
            codes[int(attribute(own, "numFmtId") or 0)] = (
                attribute(own, "formatCode") or ""
            )
        for cell in styles.iterfind("{*}cellXfs/{*}xf"):
            code = codes.get(int(attribute(cell, "numFmtId") or 0), "")
            self._formats.append(_parsed(code))

    def written(self, value: str, style: int) -> str:
        known = 0 <= style < len(self._formats)
        how = self._formats[style] if known else _Format()
        number = float(value)
        if how.elapsed:
            minutes = round(number * 24 * 60)
            return f"{minutes // 60}:{minutes % 60:02}"
        if (how.date or how.time) and 0 <= number <= _LAST_DAY:
            return _moment(self._first + timedelta(days=number), how)
        return _number(number, how)


def _moment(moment: datetime, how: _Format) -> str:
    moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    clock = f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"
    if not how.date:
        return clock
    day = moment.date().isoformat()
    return f"{day} {clock}" if how.time else day


def _number(number: float, how: _Format) -> str:
    if how.percent:
        number *= 100
    if how.decimals is not None:
        written = f"{number:.{how.decimals}f}"
    elif number.is_integer() and abs(number) < _WHOLE_BELOW:
        written = str(int(number)).zfill(how.digits)
    else:
        written = f"{number:.15g}"
    return f"{how.before}{written}{'%' if how.percent else ''}{how.behind}"


@lru_cache(maxsize=1000)
def _parsed(code: str) -> _Format:
    section = code.split(";", maxsplit=1)[0]
    bare = _LITERAL.sub("", section)
    date = bool(_DATE_SIGNS.search(bare))
    time = bool(_TIME_SIGNS.search(bare))
    if _ELAPSED.search(section) or date or time:
        return _Format(date=date, time=time, elapsed=bool(_ELAPSED.search(section)))
    before, behind = _signs(section)
    decimals = _DECIMALS.search(bare)
    if decimals:
        places: int | None = min(len(decimals[1]), _MOST_DECIMALS)
    else:
        places = 0 if "%" in bare or "#,##0" in bare else None
    whole = bare.strip()
    return _Format(
        percent="%" in bare,
        decimals=places,
        digits=len(whole) if set(whole) == {"0"} else 0,
        before=before,
        behind=behind,
    )


def _signs(section: str) -> tuple[str, str]:
    """Return the currency or the unit that stands before or behind the number."""
    found = _CURRENCY.search(section)
    sign = next((group for group in found.groups() if group), "") if found else ""
    sign = sign.strip()
    if found is None or not sign or len(sign) > _LONGEST_SIGN:
        return "", ""
    digits = re.search(r"[0#?]", section)
    if digits and digits.start() > found.start():
        return f"{sign} ", ""
    return "", f" {sign}"
