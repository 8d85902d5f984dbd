"""Spans to columns: the fields of each span, its status, events and links, its weight, the rules of time.

Promises: a bad span adds no row anywhere; its place and code stand in `Bad`. The same bytes give the same columns.
Does not look at resources and scopes (`owners`), nor make texts (`texts`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded, kernel
from pipeline.kernels.wire.attributes import DOUBLE, INT, SLOT_SIZE, STRING, Rows, key_value, usual
from pipeline.kernels.wire.children import ATTRIBUTES, EVENTS, LINKS, U32, Children, event, id_place, link
from pipeline.kernels.wire.codes import BAD_ID, BAD_TIME, INVALID_UTF8, TOO_OLD
from pipeline.kernels.wire.fields import U8, field
from pipeline.kernels.wire.frames import I32, I64, Frames
from pipeline.kernels.wire.utf8 import is_utf8
from pipeline.kernels.wire.weights import WEIGHT_MAX, decimal, rounded_weight, threshold_weight

F64 = npt.NDArray[np.float64]

TRACE, SPAN, STATE, PARENT, NAME, SPAN_KIND, START, END = range(1, 9)
DROPPED_ATTRIBUTES, DROPPED_EVENTS, DROPPED_LINKS, FLAGS = 10, 12, 14, 16
MESSAGE, STATUS, HTTP, HTTP_OLD, RATE_KIND, RATE, OVER = range(17, 24)
LEN = 24
"""In a span's scratch row a field's value or place stands at its number, its length LEN after it."""
OWN = OVER + LEN
"""How many attributes the span itself has; OVER counts what its events and links have too many."""

U32_MAX = 0xFFFFFFFF

WIRE = np.array([9, 2, 2, 2, 2, 2, 0, 1, 1, 9, 0, 9, 0, 9, 0, 9, 5], np.int64)
"""Wire type of the fields that are simply kept, by number; 9 for the others."""

CLAMPED_ENDS, CLAMPED_STARTS, MENDED_STARTS, CLAMPED_WEIGHTS, DROPPED = range(5)
"""What is counted."""

HTTP_KEY = np.frombuffer(b"http.response.status_code", np.uint8)
HTTP_OLD_KEY = np.frombuffer(b"http.status_code", np.uint8)
RATE_KEY = np.frombuffer(b"SampleRate", np.uint8)


class Columns(NamedTuple):
    """Columns of SpanColumns that are scanned; see there."""

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


class Bad(NamedTuple):
    """Spans that were left out: index into the frames, and why."""

    frame: I64
    code: I64


class Rules(NamedTuple):
    """What shapes rows. Times are per record, in ns: a span that ended before the horizon is too old, after the limit it is put back to it."""

    horizon_ns: I64
    limit_ns: I64
    weight: float
    attributes_max: Int


@kernel
def scan(
    b: U8, frames: Frames, rules: Rules, rows: bool, out: Columns, children: Children, bad: Bad, counted: I64
) -> tuple[Int, Int]:
    """(spans kept, spans bad). About 100 ns a span without rows, 250 ns with 7 attributes of 30 bytes; allocates nothing per span."""
    f = np.zeros(2 * LEN, np.int64)
    slot = np.zeros(SLOT_SIZE, np.int64)
    n = np.zeros(5, np.int64)
    before = np.zeros(5, np.int64)
    kept = bads = 0
    for i in range(len(frames.span_at)):
        before[:] = n
        f[:] = 0
        code = _fields(b, frames.span_at[i], frames.span_end[i], rules, rows, children, n, f, slot)
        if code == 0:
            code = _write(b, frames, i, kept, rules, out, f, counted)
        if code < 0:
            n[:] = before
            bad.frame[bads] = i
            bad.code[bads] = code
            bads += 1
            continue
        kept += 1
        if rows:
            counted[DROPPED] += f[OVER] + max(0, f[OWN] - rules.attributes_max)
            children.attributes_first[kept] = n[ATTRIBUTES]
            children.events_first[kept] = n[EVENTS]
            children.links_first[kept] = n[LINKS]
    return kept, bads


@folded
def _fields(b: U8, p: Int, end: Int, rules: Rules, rows: bool, children: Children, n: I64, f: I64, slot: I64) -> Int:
    """Collect one span's fields in the scratch row `f`; write its attributes, events and links; 0 or a code.

    Without rows all is read and checked the same, each into the first row.
    """
    kept_max = rules.attributes_max if rows else 0
    while p < end:
        tag, value, length, p = field(b, p, end)
        if p < 0:
            return p
        number = tag >> 3
        if number <= 16 and WIRE[number] == tag & 7:
            f[number] = value
            f[number + LEN] = length
            continue
        code: Int = np.int64(0)
        if tag == 0x4A:
            j = n[ATTRIBUTES]
            if not usual(b, value, value + length, j, children.attributes):
                code = key_value(b, value, value + length, 4, j, children.attributes, slot)
            if code == 0:
                _note(b, children.attributes, j, f)
                f[OWN] += 1
                if f[OWN] <= kept_max:
                    n[ATTRIBUTES] = j + 1
        elif tag == 0x7A:
            code = _status(b, value, value + length, f)
        elif tag == 0x5A:
            code = event(b, value, value + length, children.events, n, slot, kept_max)
        elif tag == 0x6A:
            code = link(b, value, value + length, children.links, n, slot, kept_max)
        if code < 0:
            return code
        f[OVER] += code
        if not rows:
            n[EVENTS] = n[LINKS] = 0
    return np.int64(0)


@folded
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
def _weight(b: U8, f: I64, default: float, counted: I64) -> float:
    weight = threshold_weight(b, f[STATE], f[STATE] + f[STATE + LEN]) if f[STATE + LEN] > 0 else 0.0
    if weight == 0.0 and f[RATE + LEN] != 0:
        if f[RATE_KIND] == DOUBLE:
            weight = np.int64(f[RATE]).view(np.float64)
        elif f[RATE_KIND] == INT or f[RATE_KIND] == STRING:
            weight = float(f[RATE])
    if not weight >= 1.0:
        weight = default
    if weight > WEIGHT_MAX:
        counted[CLAMPED_WEIGHTS] += 1
    return rounded_weight(weight)


@folded
def _times(record: Int, rules: Rules, f: I64, counted: I64) -> Int:
    """Apply the rules of time to START and END in place; 0 or a code. A time beyond 2^63 ns reads as negative here."""
    start, end = f[START], f[END]
    horizon, limit = rules.horizon_ns[record], rules.limit_ns[record]
    if end == 0:
        return np.int64(BAD_TIME)
    if end < 0 or end > limit:
        end = limit
        counted[CLAMPED_ENDS] += 1
    if end < horizon:
        return np.int64(TOO_OLD)
    if start <= 0 or start > end:
        start = end
        counted[MENDED_STARTS] += 1
    elif start < horizon:
        start = horizon
        counted[CLAMPED_STARTS] += 1
    f[START] = start
    f[END] = end
    return np.int64(0)


@folded
def _write(b: U8, frames: Frames, i: Int, k: Int, rules: Rules, out: Columns, f: I64, counted: I64) -> Int:
    """Check what was collected of span i and write it as row k; 0 or a code."""
    trace = id_place(b, f[TRACE], f[TRACE + LEN], 16)
    span = id_place(b, f[SPAN], f[SPAN + LEN], 8)
    parent = id_place(b, f[PARENT], f[PARENT + LEN], 8)
    if trace == BAD_ID or span == BAD_ID or parent == BAD_ID:
        return np.int64(BAD_ID)
    if not (is_utf8(b, f[NAME], f[NAME] + f[NAME + LEN]) and is_utf8(b, f[STATE], f[STATE] + f[STATE + LEN])):
        return np.int64(INVALID_UTF8)
    if not is_utf8(b, f[MESSAGE], f[MESSAGE] + f[MESSAGE + LEN]):
        return np.int64(INVALID_UTF8)
    record = frames.span_record[i]
    code = _times(record, rules, f, counted)
    if code < 0:
        return code
    out.record[k] = record
    out.index_in_record[k] = frames.span_index[i]
    out.resource[k] = frames.span_resource[i]
    out.scope[k] = frames.span_scope[i]
    out.trace_id[k] = trace
    out.span_id[k] = span
    out.parent_span_id[k] = parent
    out.start_ns[k] = f[START]
    out.end_ns[k] = f[END]
    out.http_status[k] = f[HTTP] if f[HTTP] > 0 else f[HTTP_OLD]
    out.weight[k] = _weight(b, f, rules.weight, counted)
    _write_plain(k, rules.attributes_max, out, f)
    return np.int64(0)


@folded
def _write_plain(k: Int, attributes_max: Int, out: Columns, f: I64) -> None:
    """The fields that need no check. Enums are open in protobuf: an unknown number is the unspecified one."""
    kind = np.int32(f[SPAN_KIND])
    status = np.int32(f[STATUS])
    out.kind[k] = kind if 0 <= kind <= 5 else 0
    out.status_code[k] = status if 0 <= status <= 2 else 0
    out.state_at[k] = f[STATE]
    out.state_length[k] = f[STATE + LEN]
    out.name_at[k] = f[NAME]
    out.name_length[k] = f[NAME + LEN]
    out.message_at[k] = f[MESSAGE]
    out.message_length[k] = f[MESSAGE + LEN]
    out.flags[k] = f[FLAGS]
    dropped = (f[DROPPED_ATTRIBUTES] & U32_MAX) + max(0, f[OWN] - attributes_max)
    out.dropped_attributes[k] = min(dropped, U32_MAX)
    out.dropped_events[k] = f[DROPPED_EVENTS]
    out.dropped_links[k] = f[DROPPED_LINKS]
