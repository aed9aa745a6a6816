"""The charsets of the web, by the names that hosts and pages give them."""

import codecs

_MEANT = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
"""What pages mean by a name, as browsers know (WHATWG Encoding Standard)."""

_READ = {
    *_MEANT.values(),
    *(f"cp{number}" for number in (866, 874, *range(1250, 1259))),
    *(f"iso8859-{number}" for number in (*range(2, 9), 10, 11, 13, 14, 15, 16)),
    *("koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "euc_jp", "iso2022_jp"),
    *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32"),
}

MARKS = (
    codecs.BOM_UTF8,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_BE,
)
"""What a text may begin with; that of UTF-32, little-endian, begins as UTF-16's."""


def decoded_as(data: bytes, charset: str) -> str | None:
    """Return a text in a charset of this name; None where it is not in one.

    Only those of the web are read: Python has others, which take for ever on some
    input.
    """
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return None
    name = _MEANT.get(name, name)
    if name not in _READ:
        return None
    try:
        return data.decode(name)
    except UnicodeDecodeError:
        return None
