"""One span to a row of columns: its fields, its status, its weight, the rules of time.

Promises: the same bytes give the same columns. Does not undo what a bad span has begun (`scan`), look at resources (`owners`) or make texts (`texts`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded, inlined
from pipeline.kernels.wire.attributes import DOUBLE, INT, STRING, Rows, key_value, repeated, usual
from pipeline.kernels.wire.children import U32, Events, Links, event, id_place, link
from pipeline.kernels.wire.codes import BAD_ID, BAD_TIME, INVALID_UTF8, NO_ROOM, TOO_OLD
from pipeline.kernels.wire.counted import (
    CLAMPED_ENDS,
    CLAMPED_STARTS,
    CLAMPED_WEIGHTS,
    CUT_NAMES,
    DUPLICATES,
    MENDED_STARTS,
    REFERENCES,
)
from pipeline.kernels.wire.fields import U8, field, word_at
from pipeline.kernels.wire.frames import ATTRIBUTES, I32, I64
from pipeline.kernels.wire.utf8 import cut_at_character, is_utf8
from pipeline.kernels.wire.weights import WEIGHT_MAX, decimal, rounded_weight, threshold_weight

F64 = npt.NDArray[np.float64]

TRACE, SPAN, STATE, PARENT, NAME, SPAN_KIND, START, END = range(1, 9)
DROPPED_ATTRIBUTES, DROPPED_EVENTS, DROPPED_LINKS, FLAGS = 10, 12, 14, 16
MESSAGE, STATUS, HTTP, HTTP_OLD, RATE_KIND, RATE, OVER = range(17, 24)
LEN = 24
"""In a span's scratch row a field's value or place stands at its number, its length LEN after it."""
OWN = OVER + LEN
"""How many attributes the span itself has; OVER counts what its events and links have too many."""
KEYS, FIRST = 2 * LEN, 2 * LEN + 1
"""A bit for each key so far, by its bytes: an unset one says that a key is new without a look at the others. Where the span's attributes begin."""
SCRATCH = 2 * LEN + 2

U32_MAX = 0xFFFFFFFF
SKEW_NS = 1_000_000_000
"""So much earlier than its start a span's end may be and still be the one that is wrong."""
_SPREAD = -7046029254386353131
"""0x9E3779B97F4A7C15 as an int64."""

WIRE = np.array([9, 2, 2, 2, 2, 2, 0, 1, 1, 9, 0, 9, 0, 9, 0, 9, 5], np.int64)
"""Wire type of the fields that are simply kept, by number; 9 for the others."""

HTTP_KEY = np.frombuffer(b"http.response.status_code", np.uint8)
HTTP_OLD_KEY = np.frombuffer(b"http.status_code", np.uint8)
RATE_KEY = np.frombuffer(b"SampleRate", np.uint8)
NOTED_LENGTHS = 1 << 25 | 1 << 16 | 1 << 10


class Columns(NamedTuple):
    """Columns of SpanColumns that are scanned; see there. The last three are filled for rows only."""

    record: I32
    index_in_record: I32
    resource: I32
    scope: I32
    trace_id: I64
    span_id: I64
    parent_span_id: I64
    state_at: I64
    state_length: I32
    flags: U32
    name_at: I64
    name_length: I32
    name_number: I32
    kind: U8
    start_ns: I64
    end_ns: I64
    status_code: U8
    message_at: I64
    message_length: I32
    http_status: I32
    weight: F64
    dropped_attributes: U32
    dropped_events: U32
    dropped_links: U32
    attributes_first: I64
    events_first: I64
    links_first: I64


class Children(NamedTuple):
    """Rows of spans' attributes, events and links."""

    attributes: Rows
    events: Events
    event_attributes: Rows
    links: Links
    link_attributes: Rows


class Rules(NamedTuple):
    """What shapes rows. Times are per record, in ns: a span that ended before the horizon is too old, after the limit it is shifted back to it."""

    horizon_ns: I64
    limit_ns: I64
    attributes_max: Int
    name_max: Int
    """Bytes of a span's name; a longer one is cut at a character."""
    bad_spans_max: Int
    """Of one record stand in `Bad`; more are only counted."""
    resource_codes: I64
    scope_codes: I64
    """Of resources and scopes that an earlier scan found broken, by number: their spans are bad. Empty before it."""


@inlined
def head(b: U8, p: Int, end: Int, f: I64) -> Int:
    """Collect ids, name, kind and times where they stand in the usual order and size; the position behind. Each may be missing."""
    if end - p >= 28 and word_at(b, p) & 0xFFFF == 0x100A and word_at(b, p + 18) & 0xFFFF == 0x0812:
        f[TRACE] = p + 2
        f[TRACE + LEN] = 16
        f[SPAN] = p + 20
        f[SPAN + LEN] = 8
        p += 28
    word = word_at(b, p)
    if word & 0xFFFF == 0x0822 and end - p >= 10:
        f[PARENT] = p + 2
        f[PARENT + LEN] = 8
        p += 10
        word = word_at(b, p)
    length = word >> 8 & 0xFF
    if word & 0xFF == 0x2A and length < 128 and length <= end - p - 2:
        f[NAME] = p + 2
        f[NAME + LEN] = length
        p += 2 + length
        word = word_at(b, p)
    if word & 0x80FF == 0x30 and end - p >= 2:
        f[SPAN_KIND] = word >> 8 & 0xFF
        p += 2
    if end - p >= 18 and word_at(b, p) & 0xFF == 0x39 and word_at(b, p + 9) & 0xFF == 0x41:
        f[START] = word_at(b, p + 1)
        f[END] = word_at(b, p + 10)
        p += 18
    return p


@inlined
def fields(
    b: U8, p: Int, end: Int, rules: Rules, rows: bool, out: Children, n: I64, f: I64, slot: I64, counted: I64
) -> Int:
    """Collect one span's fields in the scratch row `f`; write its attributes, events and links; 0 or a code.

    Without rows all is read and checked the same, each into the first row.
    """
    kept_max = rules.attributes_max if rows else np.int64(-1)
    f[FIRST] = n[ATTRIBUTES]
    p = head(b, p, end, f)
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        code: Int = np.int64(0)
        if tag == 0x4A:
            j = n[ATTRIBUTES]
            if not usual(b, value, value + length, j, out.attributes):
                code = key_value(b, value, value + length, np.int64(4), j, out.attributes, slot)
                if code < 0:
                    return code
            key_length = np.int64(out.attributes.key_length[np.uint64(j)])
            if key_length < 32 and NOTED_LENGTHS >> key_length & 1 != 0:
                _note(b, out.attributes, j, f)
            if rows and _is_repeated(b, out.attributes, j, f):
                counted[DUPLICATES] += 1
                continue
            f[OWN] += 1
            if f[OWN] <= kept_max:
                if j + 1 >= len(out.attributes.kind):
                    return np.int64(NO_ROOM - ATTRIBUTES)
                n[ATTRIBUTES] = j + 1
            continue
        number = tag >> 3
        if number <= 16 and WIRE[number] == tag & 7:
            f[number] = value
            f[number + LEN] = length
            continue
        if tag == 0x7A:
            code = _status(b, value, value + length, f)
        elif tag == 0x5A:
            code = event(b, value, value + length, out.events, out.event_attributes, n, slot, kept_max, counted)
        elif tag == 0x6A:
            code = link(b, value, value + length, out.links, out.link_attributes, n, slot, kept_max, counted)
        if code < 0:
            return code
        f[OVER] += code
    return np.int64(0)


@folded
def _is_repeated(b: U8, rows: Rows, j: Int, f: I64) -> bool:
    """Whether the span has attribute j's key already."""
    length = np.int64(rows.key_length[np.uint64(j)])
    word = word_at(b, rows.key_at[np.uint64(j)])
    if length < 8:
        word = word << (64 - 8 * length) if length > 0 else np.int64(0)
    bit = np.int64(1) << ((word + length) * _SPREAD >> 58 & 63)
    if f[KEYS] & bit == 0:
        f[KEYS] |= bit
        return False
    return repeated(b, rows, f[FIRST], j)


@bare
def _note(b: U8, rows: Rows, j: Int, f: I64) -> None:
    """Remember attribute j if columns are made of it; the first of several counts. The slot's length marks that one was seen."""
    length = rows.key_length[j]
    if length == 25 and f[HTTP + LEN] == 0 and _equal(b, rows.key_at[j], HTTP_KEY):
        f[HTTP] = _whole_number(b, rows, j)
        f[HTTP + LEN] = 1
    elif length == 16 and f[HTTP_OLD + LEN] == 0 and _equal(b, rows.key_at[j], HTTP_OLD_KEY):
        f[HTTP_OLD] = _whole_number(b, rows, j)
        f[HTTP_OLD + LEN] = 1
    elif length == 10 and f[RATE + LEN] == 0 and _equal(b, rows.key_at[j], RATE_KEY):
        f[RATE_KIND] = rows.kind[j]
        f[RATE] = rows.value_at[j]
        if rows.kind[j] == STRING:
            f[RATE] = decimal(b, rows.value_at[j], np.int64(rows.value_length[j]))
        f[RATE + LEN] = 1


@bare
def _equal(b: U8, at: Int, key: U8) -> bool:
    for i in range(len(key)):  # noqa: SIM110 - a kernel
        if b[at + i] != key[i]:
            return False
    return True


@bare
def _whole_number(b: U8, rows: Rows, j: Int) -> Int:
    """Attribute j's value, an Int or a text of digits, if it fits an int32; else 0."""
    value: Int = np.int64(0)
    if rows.kind[j] == INT:
        value = rows.value_at[j]
    elif rows.kind[j] == STRING:
        value = decimal(b, rows.value_at[j], np.int64(rows.value_length[j]))
    return value if 0 < value <= 0x7FFFFFFF else np.int64(0)


@bare
def _status(b: U8, p: Int, end: Int, f: I64) -> Int:
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x12:
            f[MESSAGE] = value
            f[MESSAGE + LEN] = length
        elif tag == 0x18:
            f[STATUS] = value
    return np.int64(0)


@bare
def _weight(b: U8, f: I64, counted: I64) -> float:
    """What the span says of its weight, rounded; 0 where it says nothing that could be one."""
    weight = threshold_weight(b, f[STATE], f[STATE] + f[STATE + LEN]) if f[STATE + LEN] > 0 else 0.0
    if weight == 0.0 and f[RATE + LEN] != 0:
        if f[RATE_KIND] == DOUBLE:
            weight = np.int64(f[RATE]).view(np.float64)
        elif f[RATE_KIND] == INT or f[RATE_KIND] == STRING:
            weight = float(f[RATE])
    if not weight >= 1.0:
        return 0.0
    if weight > WEIGHT_MAX:
        counted[CLAMPED_WEIGHTS] += 1
    return rounded_weight(weight)


@folded
def _is_less(left: Int, right: Int) -> bool:
    """As numbers without sign."""
    return bool((left < right) != ((left < 0) != (right < 0)))


@inlined
def _times(record: Int, rules: Rules, f: I64, counted: I64) -> Int:
    """Apply the rules of time to START and END in place; 0 or a code. A time beyond 2^63 ns reads as negative here.

    In this order: without a start, it is the end. What ends before it begins took no time: by a little, as clocks of two cores differ, the start
    stands; by more, the end does. Where only the end is ahead, it is put back to the limit; where both are, both are shifted and it takes as long as it
    says. What ended before the horizon is too old; an earlier start is put to it.
    """
    start, end = f[START], f[END]
    horizon, limit = rules.horizon_ns[record], rules.limit_ns[record]
    if end == 0:
        return np.int64(BAD_TIME)
    if start == 0:
        start = end
        counted[MENDED_STARTS] += 1
    elif _is_less(end, start):
        if start - end <= SKEW_NS and 0 < start <= limit:
            end = start
        else:
            start = end
        counted[MENDED_STARTS] += 1
    if end < 0 or end > limit:
        took = end - start
        if start < 0 or start > limit:
            start = limit - took if 0 <= took < limit else np.int64(1)
        end = limit
        counted[CLAMPED_ENDS] += 1
    if end < horizon:
        return np.int64(TOO_OLD)
    if start < horizon:
        start = horizon
        counted[CLAMPED_STARTS] += 1
    f[START] = start
    f[END] = end
    return np.int64(0)


@inlined
def write(b: U8, record: Int, k: Int, rules: Rules, out: Columns, f: I64, counted: I64) -> Int:
    """Check what was collected of a span and write it as row k; 0 or a code."""
    trace = id_place(b, f[TRACE], f[TRACE + LEN], 16)
    span = id_place(b, f[SPAN], f[SPAN + LEN], 8)
    parent = id_place(b, f[PARENT], f[PARENT + LEN], 8)
    if trace == BAD_ID or span == BAD_ID:
        return np.int64(BAD_ID)
    if parent == BAD_ID:  # it refers to nothing, and the span is sound without it
        parent = np.int64(-1)
        counted[REFERENCES] += 1
    if not is_utf8(b, f[NAME], f[NAME] + f[NAME + LEN]):
        return np.int64(INVALID_UTF8)
    if f[NAME + LEN] > rules.name_max:
        f[NAME + LEN] = cut_at_character(b, f[NAME], f[NAME + LEN], rules.name_max)
        counted[CUT_NAMES] += 1
    if f[STATE + LEN] | f[MESSAGE + LEN] != 0 and not _rare_texts_are_sound(b, f):
        return np.int64(INVALID_UTF8)
    code = _times(record, rules, f, counted)
    if code < 0:
        return code
    row = np.uint64(k)
    out.trace_id[row] = trace
    out.span_id[row] = span
    out.parent_span_id[row] = parent
    out.start_ns[row] = f[START]
    out.end_ns[row] = f[END]
    out.http_status[row] = f[HTTP] if f[HTTP] > 0 else f[HTTP_OLD]
    out.weight[row] = _weight(b, f, counted) if f[STATE + LEN] | f[RATE + LEN] != 0 else 0.0
    _write_plain(k, rules.attributes_max, out, f)
    return np.int64(0)


@bare
def _rare_texts_are_sound(b: U8, f: I64) -> bool:
    state, message = f[STATE], f[MESSAGE]
    return is_utf8(b, state, state + f[STATE + LEN]) and is_utf8(b, message, message + f[MESSAGE + LEN])


@inlined
def _write_plain(k: Int, attributes_max: Int, out: Columns, f: I64) -> None:
    """The fields that need no check. Enums are open in protobuf: an unknown number is the unspecified one."""
    row = np.uint64(k)
    kind = np.int32(f[SPAN_KIND])
    status = np.int32(f[STATUS])
    out.kind[row] = kind if 0 <= kind <= 5 else 0
    out.status_code[row] = status if 0 <= status <= 2 else 0
    out.state_at[row] = f[STATE]
    out.state_length[row] = f[STATE + LEN]
    out.name_at[row] = f[NAME]
    out.name_length[row] = f[NAME + LEN]
    out.message_at[row] = f[MESSAGE]
    out.message_length[row] = f[MESSAGE + LEN]
    out.flags[row] = f[FLAGS]
    dropped = (f[DROPPED_ATTRIBUTES] & U32_MAX) + max(0, f[OWN] - attributes_max)
    out.dropped_attributes[row] = min(dropped, U32_MAX)
    out.dropped_events[row] = f[DROPPED_EVENTS]
    out.dropped_links[row] = f[DROPPED_LINKS]
