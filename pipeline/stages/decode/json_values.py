"""Scalars and attribute values of OTLP's JSON as protobuf fields.

Promises: 64-bit numbers from numbers or texts, bytes from base64 of either alphabet, ids from hex of either case. `BadJson` for anything else.
"""

import binascii
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.errors import Never

Json = Any
DEPTH_MAX = 45
"""Arrays and maps inside each other: two messages each, so that the whole stays within protobuf's 100."""


class BadJson(Never):
    """The document is JSON, but not OTLP's; the reason is a dead letter's."""

    def __init__(self, message: str, reason: str = "bad_json") -> None:
        super().__init__(reason, message)


def varint(value: int) -> bytes:
    """A varint of 64 bits."""
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def delimited(tag: int, body: bytes) -> bytes:
    """A field with a length before it."""
    n = len(body)
    return bytes((tag, n)) + body if n < 128 else bytes((tag,)) + varint(n) + body


def items(value: Json) -> list[Json]:
    """A JSON array; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadJson("an array was expected")
    return value


def text(tag: int) -> Callable[[Json], bytes]:
    """Writes a string field."""

    def write(value: Json) -> bytes:
        if not isinstance(value, str):
            raise BadJson("a text was expected")
        return delimited(tag, value.encode())

    return write


def whole(value: Json, low: int, high: int) -> int:
    """An integer in [low, high], from a number or a text."""
    try:
        if isinstance(value, str):
            number = int(value) if value.isascii() and "_" not in value and value == value.strip() else None
        elif isinstance(value, float):
            number = int(value) if value.is_integer() else None
        else:
            number = None if isinstance(value, bool) or not isinstance(value, int) else value
    except (ValueError, OverflowError):
        number = None
    if number is None or not low <= number <= high:
        raise BadJson(f"{str(value)[:40]!r} is not a whole number from {low} to {high}")
    return number


def fixed64(tag: int) -> Callable[[Json], bytes]:
    """Writes a time."""
    return lambda value: bytes((tag,)) + struct.pack("<Q", whole(value, 0, 2**64 - 1))


def fixed32(tag: bytes) -> Callable[[Json], bytes]:
    """Writes flags."""
    return lambda value: tag + struct.pack("<I", whole(value, 0, 2**32 - 1))


def varint32(tag: int) -> Callable[[Json], bytes]:
    """Writes a count."""
    return lambda value: bytes((tag,)) + varint(whole(value, 0, 2**32 - 1))


def enum(tag: int, names: Mapping[str, int]) -> Callable[[Json], bytes]:
    """Writes an enum's number; an unknown name counts as 0, as protobuf's parsers do when told to ignore what is unknown."""

    def write(value: Json) -> bytes:
        if isinstance(value, str) and not value.lstrip("-").isdigit():
            return bytes((tag,)) + varint(names.get(value, 0))
        return bytes((tag,)) + varint(whole(value, -(2**31), 2**31 - 1))

    return write


def hex_bytes(tag: int) -> Callable[[Json], bytes]:
    """Writes an id."""

    def write(value: Json) -> bytes:
        try:
            return delimited(tag, bytes.fromhex(value) if " " not in value else b"\0")
        except (ValueError, TypeError):
            raise BadJson(f"{str(value)[:40]!r} is not an id in hex", "bad_id") from None

    return write


def key_value(value: Json, depth: int = 0) -> bytes:
    """A KeyValue's bytes."""
    if not isinstance(value, dict):
        raise BadJson("an attribute is not an object")
    content = value.get("value")
    body = b"" if content is None else delimited(0x12, any_value(content, depth))
    key = value.get("key")
    return text(0x0A)("" if key is None else key) + body


def any_value(value: Json, depth: int = 0) -> bytes:
    """An AnyValue's bytes: of its known members the last one counts."""
    if not isinstance(value, dict):
        raise BadJson("an attribute's value is not an object")
    if depth > DEPTH_MAX:
        raise BadJson("too many values inside each other", "too_deep")
    for name, content in reversed(value.items()):
        writer = MEMBERS.get(name)
        if writer is not None and content is not None:
            return writer(content, depth)
    return b""


def _bool(value: Json, _: int) -> bytes:
    if not isinstance(value, bool) and value not in ("true", "false"):
        raise BadJson("a boolValue is neither true nor false")
    return b"\x10\x01" if value in (True, "true") else b"\x10\x00"


def _double(value: Json, _: int) -> bytes:
    try:
        if isinstance(value, bool):
            raise BadJson("a doubleValue is a boolean")
        return b"\x21" + struct.pack("<d", float(value))
    except (ValueError, TypeError, OverflowError):
        raise BadJson(f"{str(value)[:40]!r} is not a number") from None


def _bytes(value: Json, _: int) -> bytes:
    try:
        plain = value.replace("-", "+").replace("_", "/").rstrip("=")
        return delimited(0x3A, b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except (AttributeError, binascii.Error, ValueError):
        raise BadJson("a bytesValue is not base64") from None


def _values(value: Json) -> list[Json]:
    if not isinstance(value, dict):
        raise BadJson("an arrayValue or kvlistValue is not an object")
    return items(value.get("values"))


def _array(value: Json, depth: int) -> bytes:
    return delimited(0x2A, b"".join(delimited(0x0A, any_value(item, depth + 1)) for item in _values(value)))


def _map(value: Json, depth: int) -> bytes:
    return delimited(0x32, b"".join(delimited(0x0A, key_value(item, depth + 1)) for item in _values(value)))


MEMBERS: dict[str, Callable[[Json, int], bytes]] = {
    "stringValue": lambda value, _: text(0x0A)(value),
    "boolValue": _bool,
    "intValue": lambda value, _: b"\x18" + varint(whole(value, -(2**63), 2**63 - 1)),
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _map,
    "bytesValue": _bytes,
}
MEMBERS |= {"".join(f"_{c.lower()}" if c.isupper() else c for c in name): writer for name, writer in MEMBERS.items()}
