"""Spans to columns: the fields of each span, its status, events and links, its weight, the rules of time.

Promises: a bad span adds no row anywhere; its place and code stand in `Bad`. The same bytes give the same columns.
Does not look at resources and scopes (`owners`), nor make texts (`texts`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, folded, kernel
from pipeline.kernels.wire.attributes import DOUBLE, INT, KIND, LENGTH, SLOT_SIZE, STRING, VALUE, key_value
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
LEN = 32
"""In a span's scratch row a field's value or place stands at its number, its length LEN after it."""

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
    f = np.zeros(64, np.int64)
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
            counted[DROPPED] += f[OVER]
            children.attributes_first[kept] = n[ATTRIBUTES]
            children.events_first[kept] = n[EVENTS]
            children.links_first[kept] = n[LINKS]
    return kept, bads


@folded
def _fields(b: U8, p: Int, end: Int, rules: Rules, rows: bool, children: Children, n: I64, f: I64, slot: I64) -> Int:
    """Collect one span's fields in the scratch row `f`; write its attributes, events and links; 0 or a code."""
    first = n[ATTRIBUTES]
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
            if rows or not _is_other(b, value, value + length):
                code = _attribute(b, value, value + length, rules, rows, children, first, n, f, slot)
        elif tag == 0x7A:
            code = _status(b, value, value + length, f)
        elif rows and tag == 0x5A:
            code = event(b, value, value + length, children.events, n, slot, rules.attributes_max)
        elif rows and tag == 0x6A:
            code = link(b, value, value + length, children.links, n, slot, rules.attributes_max)
        if code < 0:
            return code
        f[OVER] += code
    return np.int64(0)


@folded
def _is_other(b: U8, p: Int, end: Int) -> bool:
    """Whether a KeyValue is written plainly (key, then value, nothing else) and its key has the length of none that is looked for."""
    if end - p < 4 or b[p] != 0x0A:
        return False
    length = np.int64(b[p + 1])
    if length >= 128 or length == 10 or length == 16 or length == 25:
        return False
    q = p + 2 + length
    return bool(q + 2 <= end and b[q] == 0x12 and b[q + 1] < 128 and q + 2 + np.int64(b[q + 1]) == end)


@folded
def _attribute(
    b: U8, p: Int, end: Int, rules: Rules, rows: bool, children: Children, first: Int, n: I64, f: I64, slot: I64
) -> Int:
    j = n[ATTRIBUTES]
    code = key_value(b, p, end, 4, j, children.attributes, slot)
    if code < 0:
        return code
    _note(b, children.attributes.key_at[j], np.int64(children.attributes.key_length[j]), slot, f)
    if not rows:
        return np.int64(0)
    if j - first < rules.attributes_max:
        n[ATTRIBUTES] = j + 1
    else:
        f[OVER] += 1
        f[DROPPED_ATTRIBUTES + LEN] += 1
    return np.int64(0)


@folded
def _note(b: U8, at: Int, length: Int, slot: I64, f: I64) -> None:
    """Remember an attribute that columns are made of; the first of several counts. The slot's length marks that one was seen."""
    if length == 25 and f[HTTP + LEN] == 0 and _equal(b, at, HTTP_KEY):
        f[HTTP] = _whole_number(b, slot)
        f[HTTP + LEN] = 1
    elif length == 16 and f[HTTP_OLD + LEN] == 0 and _equal(b, at, HTTP_OLD_KEY):
        f[HTTP_OLD] = _whole_number(b, slot)
        f[HTTP_OLD + LEN] = 1
    elif length == 10 and f[RATE + LEN] == 0 and _equal(b, at, RATE_KEY):
        f[RATE_KIND] = slot[KIND]
        f[RATE] = slot[VALUE] if slot[KIND] != STRING else decimal(b, slot[VALUE], slot[LENGTH])
        f[RATE + LEN] = 1


@bare
def _equal(b: U8, at: Int, key: U8) -> bool:
    for i in range(len(key)):  # noqa: SIM110 - a kernel
        if b[at + i] != key[i]:
            return False
    return True


@bare
def _whole_number(b: U8, slot: I64) -> Int:
    """An Int, or a text of digits, if it fits an int32; else 0."""
    value: Int = np.int64(0)
    if slot[KIND] == INT:
        value = slot[VALUE]
    elif slot[KIND] == STRING:
        value = decimal(b, slot[VALUE], slot[LENGTH])
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
    _write_plain(k, out, f)
    return np.int64(0)


@folded
def _write_plain(k: Int, out: Columns, f: I64) -> None:
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
    out.dropped_attributes[k] = f[DROPPED_ATTRIBUTES] + f[DROPPED_ATTRIBUTES + LEN]
    out.dropped_events[k] = f[DROPPED_EVENTS]
    out.dropped_links[k] = f[DROPPED_LINKS]
