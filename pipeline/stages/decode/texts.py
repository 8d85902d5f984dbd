"""Every attribute's value becomes text in the arena.

Numbers by a kernel, arrays, maps and fractions here, once per distinct value.

Promises: doubles as ECMAScript writes them (shortest that reads back, as the OTel exporter's), maps with sorted keys.
Cuts long texts at a character.
"""

import struct
from base64 import b64encode
from collections.abc import Callable, Sequence
from math import isfinite, isnan
from typing import NamedTuple

import numpy as np
import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from pipeline.kernels.wire.attributes import DOUBLE, Rows
from pipeline.kernels.wire.texts import measure, write
from pipeline.kernels.wire.utf8 import cut_at_character
from pipeline.model.span_columns import U8
from pipeline.stages.decode.arena import with_room

CONSTANTS = b"truefalseunknown_service"
UNKNOWN_SERVICE = b"unknown_service"

Plain = str | bool | int | float | list["Plain"] | dict[str, "Plain"] | None


class Plan(NamedTuple):
    """Values that become texts: the first n rows, each at most so many bytes, and what an array or map is by the bytes at its place."""

    rows: Rows
    n: int
    value_max: int
    nested: Callable[[bytes], AnyValue] = lambda raw: KeyValue.FromString(raw).value


def with_texts(buffer: U8, used: int, plans: Sequence[Plan]) -> tuple[U8, int, int, int]:
    """(buffer, used, place of `unknown_service`, texts cut): the values of each plan are texts in the buffer now."""
    rendered = []
    room = len(CONSTANTS)
    for plan in plans:
        todo = np.empty(plan.n, np.int64)
        asked, todos = measure(plan.rows, plan.n, plan.value_max, todo)
        texts = _rendered(buffer, plan, todo[:todos].tolist())
        rendered.append((todo[:todos].tolist(), texts))
        room += int(asked) + sum(map(len, texts))
    buffer = with_room(buffer, used, room)
    buffer[used : used + len(CONSTANTS)] = np.frombuffer(CONSTANTS, np.uint8)
    tail, cuts = used + len(CONSTANTS), 0
    for (rows, n, value_max, _), (places, texts) in zip(plans, rendered, strict=True):
        written, cut = write(buffer, rows, n, value_max, tail, used)
        tail, cuts = int(written), cuts + int(cut)
        if texts:
            tail, more = _append(buffer, tail, rows, places, texts, value_max)
            cuts += more
    return buffer, tail, used + len(CONSTANTS) - len(UNKNOWN_SERVICE), cuts


def _append(buffer: U8, tail: int, rows: Rows, todo: list[int], texts: list[bytes], value_max: int) -> tuple[int, int]:
    cuts = 0
    for j, text in zip(todo, texts, strict=True):
        buffer[tail : tail + len(text)] = np.frombuffer(text, np.uint8)
        length = int(cut_at_character(buffer, tail, len(text), value_max))
        cuts += length < len(text)
        rows.value_at[j] = tail
        rows.value_length[j] = length
        tail += len(text)
    return tail, cuts


def _rendered(buffer: U8, plan: Plan, todo: list[int]) -> list[bytes]:
    rows = plan.rows
    known: dict[bytes, bytes] = {}
    texts = []
    for j in todo:
        at = int(rows.value_at[j])
        double = rows.kind[j] == DOUBLE
        raw = struct.pack("<q", at) if double else buffer[at : at + int(rows.value_length[j])].tobytes()
        key = raw + (b"d" if double else b"v")
        if (text := known.get(key)) is None:
            text = _double(struct.unpack("<d", raw)[0]).encode() if double else nested_text(plan.nested(raw))
            known[key] = text
        texts.append(text)
    return texts


def nested_text(value: AnyValue) -> bytes:
    """JSON text of an array or a map, as protobuf's own parser reads it, which merges what came in pieces."""
    return orjson.dumps(_plain(value), option=orjson.OPT_SORT_KEYS)


def _plain(value: AnyValue) -> Plain:
    which = value.WhichOneof("value")
    if which == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {item.key: _plain(item.value) for item in value.kvlist_value.values}
    if which == "bytes_value":
        return b64encode(value.bytes_value).decode()
    if which is None or which == "string_value_strindex":
        return None
    plain: Plain = getattr(value, which)
    return plain


def _double(x: float) -> str:
    """A double as ECMAScript's Number::toString writes it, but for -0 and the names of infinity in protobuf's JSON."""
    if not isfinite(x):
        return "NaN" if isnan(x) else "Infinity" if x > 0 else "-Infinity"
    text = repr(x)
    return _from_digits(x) if "e" in text or x == 0 else text.removesuffix(".0")


def _from_digits(x: float) -> str:
    if x == 0:
        return "-0" if struct.pack("<d", x)[7] else "0"
    mantissa, _, exponent = f"{x!r}".partition("e")
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).rstrip("0")
    point = len(whole) + int(exponent)
    sign = "-" if x < 0 else ""
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{point - 1:+d}"
