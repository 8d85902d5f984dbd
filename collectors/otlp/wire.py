"""The framing of an OTLP request in protobuf's wire format: checking it and cutting it. Pure functions over bytes.

Promises: `check` accepts only what can stand beside other requests in one record without spoiling them: everything
above the items (spans, metrics, log records) is well-formed and of the right wire types. `cut` gives requests of at
most `room` bytes that together hold the same items, in order, each below its own resource and scope; what can't be made
to fit is counted, not cut.

They don't look into items: protobuf's own parser has done that before (translate.py), and the worker does it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from pipeline.varint import varint

VARINT, FIXED64, LEN, FIXED32 = 0, 1, 2, 5

Shape: TypeAlias = dict[int, tuple[int, "Shape | None"]]

# Field → wire type, and what is inside where it must be looked into. Fields that aren't named here may be anything
# well-formed.
ANY_VALUE: Shape = {1: (LEN, None), 2: (VARINT, None), 3: (VARINT, None), 4: (FIXED64, None), 7: (LEN, None)}
KEY_VALUE: Shape = {1: (LEN, None), 2: (LEN, ANY_VALUE)}
ANY_VALUE[5] = (LEN, {1: (LEN, ANY_VALUE)})
ANY_VALUE[6] = (LEN, {1: (LEN, KEY_VALUE)})
RESOURCE: Shape = {1: (LEN, KEY_VALUE), 2: (VARINT, None)}
SCOPE: Shape = {1: (LEN, None), 2: (LEN, None), 3: (LEN, KEY_VALUE), 4: (VARINT, None)}
SCOPE_ENTRY: Shape = {1: (LEN, SCOPE), 2: (LEN, None), 3: (LEN, None)}
RESOURCE_ENTRY: Shape = {1: (LEN, RESOURCE), 2: (LEN, SCOPE_ENTRY), 3: (LEN, None)}
REQUEST: Shape = {1: (LEN, RESOURCE_ENTRY)}

ENTRY_FIELD, GROUP_FIELD, ITEM_FIELD = 1, 2, 2
LEVELS = (ENTRY_FIELD, GROUP_FIELD, ITEM_FIELD)


class Malformed(ValueError):  # noqa: N818
    """Not the wire format, or not this message."""


def check(data: bytes) -> None:
    """Malformed, saying where, unless everything above the items is sound."""
    _check(data, 0, len(data), REQUEST)


def _check(data: bytes, start: int, end: int, shape: Shape) -> None:
    for number, wire_type, at, _, value_start, value_end in fields(data, start, end):
        known = shape.get(number)
        if known is None:
            continue
        if wire_type != known[0]:
            raise Malformed(f"field {number} at byte {at} has wire type {wire_type}, not {known[0]}")
        if known[1] is not None:
            _check(data, value_start, value_end, known[1])


def fields(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int, int, int, int]]:
    """(number, wire type, first byte of the tag, first byte after the field, value's start, value's end) of each field."""
    at = start
    while at < end:
        tag, value = _varint(data, at, end) if data[at] > 127 else (data[at], at + 1)
        number, wire_type = tag >> 3, tag & 7
        if number == 0 or tag > 0xFFFFFFFF:
            raise Malformed(f"impossible field number at byte {at}")
        if wire_type == LEN:
            size, value = _varint(data, value, end)
            stop = value + size
        elif wire_type == VARINT:
            stop = _varint(data, value, end)[1]
        elif wire_type == FIXED64:
            stop = value + 8
        elif wire_type == FIXED32:
            stop = value + 4
        else:
            raise Malformed(f"wire type {wire_type} at byte {at}; groups are not part of OTLP")
        if stop > end:
            raise Malformed(f"field {number} at byte {at} reaches past the end")
        yield number, wire_type, at, stop, value, stop
        at = stop


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise Malformed("ends inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            if value >> 64:
                break
            return value, at
    raise Malformed(f"number of more than 64 bits before byte {at}")


@dataclass
class Cut:
    """Requests that fit, and the items that fit into none."""

    pieces: list[bytes] = field(default_factory=list)
    rejected: list[bytes] = field(default_factory=list)


def cut(data: bytes, room: int) -> Cut:
    """Requests of at most `room` bytes with the items of this one; `data` has passed `check`."""
    if len(data) <= room:
        return Cut([data])
    result = Cut()
    result.pieces = list(_cut(data, 0, room, result.rejected))
    return result


def _cut(data: bytes, level: int, room: int, rejected: list[bytes]) -> Iterator[bytes]:
    """Contents of messages of this level, each at most `room` bytes, each with everything that isn't repeated."""
    repeated = LEVELS[level]
    items, head = [], bytearray()
    for number, _, at, stop, start, _ in fields(data, 0, len(data)):
        if number == repeated:
            items.append((data[at:stop], start - at))
        else:
            head += data[at:stop]
    room -= len(head)
    held, size = [bytes(head)], 0
    for raw in _fitting(items, level, room, rejected):
        if size and size + len(raw) > room:
            yield b"".join(held)
            held, size = [bytes(head)], 0
        held.append(raw)
        size += len(raw)
    if size:
        yield b"".join(held)


def _fitting(items: list[tuple[bytes, int]], level: int, room: int, rejected: list[bytes]) -> Iterator[bytes]:
    """The fields of a repeated one, tag and all, none larger than `room`."""
    tag = bytes([LEVELS[level] << 3 | LEN])
    for raw, prefix in items:
        if len(raw) <= room:
            yield raw
        elif level + 1 == len(LEVELS):
            rejected.append(raw[prefix:])
        else:
            for part in _cut(raw[prefix:], level + 1, room - len(tag) - 5, rejected):
                yield tag + varint(len(part)) + part


# Where a Metric keeps its data: gauge, sum, histogram, exponential histogram, summary; their points are field 1.
METRIC_DATA = frozenset((5, 7, 9, 10, 11))


def data_points(metric: bytes) -> int:
    """Points of one encoded Metric; partial success counts those, not metrics."""
    count = 0
    for number, wire_type, _, _, start, stop in fields(metric, 0, len(metric)):
        if number in METRIC_DATA and wire_type == LEN:
            count += sum(1 for point in fields(metric, start, stop) if point[0] == 1)
    return count
