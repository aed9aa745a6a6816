"""What a host says of a text's charset, kept in the text itself."""

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
"""The charsets of the web; Python has others that take for ever on some input."""

_MARKS = (
    codecs.BOM_UTF8,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
    codecs.BOM_UTF32_BE,
)


def as_utf8(data: bytes, charset: str | None) -> bytes:
    """Return a text in UTF-8 with a mark, which counts more than what a page says.

    What has a mark stays as it is, and so does what is not of that charset.
    """
    if charset is None or data.startswith(_MARKS):
        return data
    name = codecs.lookup(charset).name
    name = _MEANT.get(name, name)
    if name not in _READ:
        return data
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        return data
    return codecs.BOM_UTF8 + text.encode()
