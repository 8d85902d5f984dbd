"""OTLP's JSON to protobuf bytes, by tables made from protobuf's own descriptors: any message of any signal.

Which fields are ids our tables say.

Promises: names in lowerCamelCase or snake_case, 64-bit numbers as texts or numbers, enums by number or name (an unknown
name is 0), bytes as base64 of either alphabet but ids in hex, as OTLP says; unknown fields are passed over; of an
AnyValue's members the last one counts. `BadJson` for what can't be a field's value. A *reference* (a parent, a link's
ids) that is no id is written as bytes of a wrong length: the scan drops it and counts it. Checks no lengths and no
times.
"""

import binascii
import re
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from pipeline.stages.decode.json_text import BadJson, Json, shown
from pipeline.varint import varint as unsigned_varint
from schemas.otlp import TABLES, Child, Keep, every_message

DEPTH_MAX = 100
"""Messages inside each other, as protobuf's parsers allow and the scan does."""

MESSAGES = tuple(every_message(TABLES))
IDS = frozenset(one.name for message in MESSAGES for one in message.fields if one.keep in (Keep.ID, Keep.REFERENCE))
"""Fields that are hex: the ids of all leaves and of what they hold."""
REFERENCES = frozenset(
    f"{message.proto}.{one.name}"
    for message in MESSAGES
    for one in message.fields
    if one.keep is Keep.REFERENCE or (one.keep is Keep.ID and isinstance(message, Child) and message.refers)
)
"""Those that may be none: their leaf is sound without them."""
NO_ID = b"\0"

Writer = Callable[[Json, int], bytes]
"""(value, depth of the message that it stands in) → the field with its tag, or fields."""

Kind = FieldDescriptor


def message(descriptor: Descriptor, value: Json, depth: int = 1) -> bytes:
    """The message's bytes; `depth` says how many messages it stands in, itself counted."""
    if not isinstance(value, dict):
        raise BadJson(f"{descriptor.name} should be an object, and is {shown(value)}")
    if depth > DEPTH_MAX:
        raise BadJson("too many values inside each other", "too_deep")
    writers = table(descriptor)
    known = [(writers[name], content) for name, content in value.items() if name in writers and content is not None]
    if descriptor.name == "AnyValue":
        known = known[-1:]
    return b"".join(writer(content, depth) for writer, content in known)


@cache
def table(descriptor: Descriptor) -> Mapping[str, Writer]:
    """Field names, in both spellings → what writes the field."""
    both: dict[str, Writer] = {}
    for field in descriptor.fields:
        both[field.name] = both[field.json_name] = _field(field)
    return both


def delimited(tag: bytes, body: bytes) -> bytes:
    """A field with a length before it."""
    return tag + varint(len(body)) + body


def varint(value: int) -> bytes:
    """Of 64 bits: a negative number is written as its two's complement."""
    return unsigned_varint(value & 0xFFFFFFFFFFFFFFFF)


def items(value: Json, what: str) -> list[Json]:
    """A JSON array; null is an empty one."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadJson(f"{what} should be an array, and is {shown(value)}")
    return value


def _field(field: FieldDescriptor) -> Writer:
    one = _one(field)
    if not field.is_repeated:
        return one
    name = field.json_name

    def write(value: Json, depth: int) -> bytes:
        return b"".join([one(item, depth) for item in items(value, name)])

    return write


def _one(field: FieldDescriptor) -> Writer:
    if field.type == Kind.TYPE_MESSAGE:
        tag, inner = _tag(field, 2), field.message_type
        return lambda value, depth: delimited(tag, message(inner, value, depth + 1))
    if field.type == Kind.TYPE_STRING:
        return _text(field)
    if field.type == Kind.TYPE_BYTES:
        return _id(field) if field.name in IDS else _bytes(field)
    if field.type == Kind.TYPE_ENUM:
        return _enum(field)
    if field.type == Kind.TYPE_BOOL:
        return _bool(field)
    if field.type in _FRACTIONS:
        return _fraction(field)
    return _whole(field)


def _tag(field: FieldDescriptor, wire: int) -> bytes:
    return varint(field.number << 3 | wire)


def _text(field: FieldDescriptor) -> Writer:
    tag, name = _tag(field, 2), field.json_name

    def write(value: Json, _: int) -> bytes:
        if not isinstance(value, str):
            raise BadJson(f"{name} should be a text, and is {shown(value)}")
        return delimited(tag, value.encode())

    return write


_HEX = re.compile(r"[0-9a-fA-F]*\Z")


def _id(field: FieldDescriptor) -> Writer:
    tag, name = _tag(field, 2), field.json_name
    may_miss = field.full_name in REFERENCES

    def write(value: Json, _: int) -> bytes:
        if isinstance(value, str) and len(value) % 2 == 0 and _HEX.match(value):
            return delimited(tag, bytes.fromhex(value))
        if may_miss:
            return delimited(tag, NO_ID)
        raise BadJson(f"{name} is {shown(value)}: ids are hex in OTLP's JSON (not base64)", "bad_id")

    return write


def _bytes(field: FieldDescriptor) -> Writer:
    tag, name = _tag(field, 2), field.json_name

    def write(value: Json, _: int) -> bytes:
        try:
            plain = value.replace("-", "+").replace("_", "/").rstrip("=")
            return delimited(tag, b64decode(plain + "=" * (-len(plain) % 4), validate=True))
        except (AttributeError, binascii.Error, ValueError):
            raise BadJson(f"{name} should be base64, and is {shown(value)}") from None

    return write


def _bool(field: FieldDescriptor) -> Writer:
    tag, name = _tag(field, 0), field.json_name

    def write(value: Json, _: int) -> bytes:
        if isinstance(value, bool):
            return tag + bytes((value,))
        if isinstance(value, str) and value in ("true", "false"):
            return tag + bytes((value == "true",))
        raise BadJson(f"{name} should be true or false, and is {shown(value)}")

    return write


def _enum(field: FieldDescriptor) -> Writer:
    tag, name = _tag(field, 0), field.json_name
    numbers = {value.name: value.number for value in field.enum_type.values}

    def write(value: Json, _: int) -> bytes:
        if isinstance(value, str) and not value.lstrip("-").isdigit():
            return tag + varint(numbers.get(value, 0))  # as protobuf's parsers do when told to ignore what is unknown
        return tag + varint(_number(value, -(2**31), 2**31 - 1, name))

    return write


_FRACTIONS = {Kind.TYPE_DOUBLE: (1, "<d"), Kind.TYPE_FLOAT: (5, "<f")}


def _fraction(field: FieldDescriptor) -> Writer:
    wire, form = _FRACTIONS[field.type]
    tag, name = _tag(field, wire), field.json_name

    def write(value: Json, _: int) -> bytes:
        try:
            if isinstance(value, bool):
                raise TypeError
            return tag + struct.pack(form, float(value))
        except (ValueError, TypeError, OverflowError):
            raise BadJson(f"{name} should be a number, and is {shown(value)}") from None

    return write


_WHOLE: Mapping[int, tuple[int, int, int, str]] = {
    Kind.TYPE_INT32: (0, -(2**31), 2**31 - 1, ""),
    Kind.TYPE_INT64: (0, -(2**63), 2**63 - 1, ""),
    Kind.TYPE_UINT32: (0, 0, 2**32 - 1, ""),
    Kind.TYPE_UINT64: (0, 0, 2**64 - 1, ""),
    Kind.TYPE_SINT32: (0, -(2**31), 2**31 - 1, "zigzag"),
    Kind.TYPE_SINT64: (0, -(2**63), 2**63 - 1, "zigzag"),
    Kind.TYPE_FIXED32: (5, 0, 2**32 - 1, "<I"),
    Kind.TYPE_FIXED64: (1, 0, 2**64 - 1, "<Q"),
    Kind.TYPE_SFIXED32: (5, -(2**31), 2**31 - 1, "<i"),
    Kind.TYPE_SFIXED64: (1, -(2**63), 2**63 - 1, "<q"),
}
"""Wire type, least, greatest, and how it is written: as a varint, zigzag, or packed."""


def _whole(field: FieldDescriptor) -> Writer:
    wire, least, greatest, form = _WHOLE[field.type]
    tag, name = _tag(field, wire), field.json_name

    def write(value: Json, _: int) -> bytes:
        number = _number(value, least, greatest, name)
        if form == "zigzag":
            return tag + varint(number << 1 ^ number >> 63)
        return tag + (struct.pack(form, number) if form else varint(number))

    return write


def _number(value: Json, least: int, greatest: int, name: str) -> int:
    """A whole number in [least, greatest], from a number or a text."""
    number: Any = None
    try:
        if isinstance(value, str):
            number = int(value) if value.isascii() and "_" not in value and value == value.strip() else None
        elif isinstance(value, float):
            number = int(value) if value.is_integer() else None
        elif not isinstance(value, bool):
            number = value
    except (ValueError, OverflowError):
        number = None
    if not isinstance(number, int) or not least <= number <= greatest:
        raise BadJson(f"{name} should be a whole number from {least} to {greatest}, and is {shown(value)}")
    return number
