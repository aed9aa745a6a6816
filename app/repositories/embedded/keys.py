"""Values as bytes that sort as MongoDB sorts them.

Every encoding is self-delimiting and starts with the tag of its type, so the
encodings of several fields can be put one after the other, and inverted for a
descending field. No tag and no inverted tag is 0xFF: ``prefix + HIGH`` closes
the range of all keys that start with ``prefix``.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import ObjectId
from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.regex import Regex
from bson.timestamp import Timestamp

from .errors import unsupported

HIGH = b"\xff"
MIN_KEY, UNDEFINED, NULL = 0x02, 0x04, 0x06
NUMBER, STRING, OBJECT, ARRAY = 0x10, 0x20, 0x30, 0x40
BINARY, OBJECT_ID, BOOLEAN, DATE, TIMESTAMP, REGEX = 0x50, 0x60, 0x70, 0x80, 0x88, 0x90
MAX_KEY = 0xF0

NULL_KEY = bytes([NULL])
UNDEFINED_KEY = bytes([UNDEFINED])
_INVERSE = bytes(255 - byte for byte in range(256))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_NAN = struct.pack(">BQH", NUMBER, 0, 0)

_pack_double = struct.Struct(">d").pack
_unpack_bits = struct.Struct(">Q").unpack
_pack_number = struct.Struct(">BQH").pack
_pack_date = struct.Struct(">BQ").pack


def invert(key: bytes) -> bytes:
    return key.translate(_INVERSE)


def milliseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MILLISECOND


def encode(value: Any) -> bytes:
    encoder = _ENCODERS.get(type(value))
    if encoder is None:
        encoder = _encoder_of_subclass(value)
    return encoder(value)


def same(left: Any, right: Any) -> bool:
    return encode(left) == encode(right)


def _number(value: float) -> bytes:
    # Neighbouring 64-bit integers may share a double: the distance to it decides.
    double = float(value)
    if double != double:  # noqa: PLR0124 - only NaN differs from itself
        return _NAN
    rest = 0 if double == value else int(value) - int(double)
    (bits,) = _unpack_bits(_pack_double(double + 0.0))
    bits = bits ^ _ALL if bits & _SIGN else bits | _SIGN
    return _pack_number(NUMBER, bits, 0x8000 + rest)


def encode_string(value: str) -> bytes:
    text = value.encode()
    if b"\0" in text:
        text = text.replace(b"\0", b"\0\xff")
    return b"\x20" + text + b"\0"


def _object(value: Mapping[str, Any]) -> bytes:
    parts = [b"\x30"]
    for name, field in value.items():
        encoded = encode(field)
        parts += (encoded[:1], encode_string(name)[1:], encoded[1:])
    parts.append(b"\0")
    return b"".join(parts)


def _array(value: list[Any] | tuple[Any, ...]) -> bytes:
    return b"".join([b"\x40", *map(encode, value), b"\0"])


def _binary(value: bytes) -> bytes:
    subtype = value.subtype if isinstance(value, Binary) else 0
    return struct.pack(">BIB", BINARY, len(value), subtype) + bytes(value)


def _date(value: datetime) -> bytes:
    return _pack_date(DATE, milliseconds(value) + _SIGN)


def _object_id(value: ObjectId) -> bytes:
    return b"\x60" + value.binary


def _boolean(value: bool) -> bytes:  # noqa: FBT001
    return b"\x70\1" if value else b"\x70\0"


def _regex(value: Regex[Any]) -> bytes:
    pattern = value.pattern
    text = pattern if isinstance(pattern, bytes) else pattern.encode()
    return bytes([REGEX]) + text + b"\0" + struct.pack(">I", value.flags)


def _timestamp(value: Timestamp) -> bytes:
    return struct.pack(">BII", TIMESTAMP, value.time, value.inc)


_ENCODERS: dict[type, Callable[[Any], bytes]] = {
    str: encode_string,
    int: _number,
    float: _number,
    bool: _boolean,
    type(None): lambda _: NULL_KEY,
    datetime: _date,
    ObjectId: _object_id,
    dict: _object,
    list: _array,
    tuple: _array,
    bytes: _binary,
    Binary: _binary,
    Regex: _regex,
    Timestamp: _timestamp,
    MinKey: lambda _: bytes([MIN_KEY]),
    MaxKey: lambda _: bytes([MAX_KEY]),
}
_BASES = (bool, int, float, str, bytes, datetime, ObjectId, Regex, list, tuple)


def _encoder_of_subclass(value: Any) -> Callable[[Any], bytes]:
    if isinstance(value, Decimal128):
        raise unsupported("Decimal128")
    for base in _BASES:
        if isinstance(value, base):
            return _ENCODERS[base]
    if isinstance(value, Mapping):
        return _object
    raise unsupported(f"comparing {type(value).__name__}")
