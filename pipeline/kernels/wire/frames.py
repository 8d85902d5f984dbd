"""Where resources, scopes and spans stand in many requests: the outer three levels of ExportTraceServiceRequest, nothing inside them.

Promises: a record whose outer framing is broken adds no row and has its code in `status`; order is the input's order.
A resource or scope that came in several pieces (protobuf merges them) has several piece rows, one after another.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, bare, kernel
from pipeline.kernels.wire.codes import INVALID_UTF8
from pipeline.kernels.wire.fields import U8, field
from pipeline.kernels.wire.utf8 import is_utf8

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]


class Pieces(NamedTuple):
    """Submessages with their owner's index; owners ascend."""

    owner: I32
    at: I64
    end: I64


class Frames(NamedTuple):
    """Places of all that `count` has counted."""

    resource: Pieces
    scope: Pieces
    resource_url_at: I64
    resource_url_length: I32
    scope_url_at: I64
    scope_url_length: I32
    scope_resource: I32
    span_at: I64
    span_end: I64
    span_record: I32
    span_index: I32
    span_resource: I32
    span_scope: I32


RESOURCES, SCOPES, SPANS, RESOURCE_PIECES, SCOPE_PIECES = range(5)


@kernel
def count(b: U8, start: I64, status: I64, totals: I64) -> None:
    """Add each sound record's numbers to totals[5]; write each broken record's code to status. About 4 ns a span.

    Record i stands in b[start[i]:start[i + 1]]; a record whose status is not 0 already is left out.
    """
    seen = np.zeros(5, np.int64)
    for i in range(len(status)):
        if status[i] != 0:
            continue
        seen[:] = 0
        status[i] = _count_record(b, start[i], start[i + 1], seen)
        if status[i] == 0:
            totals += seen


@bare
def _count_record(b: U8, p: Int, end: Int, seen: I64) -> Int:
    while p < end:
        tag, at, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x0A:
            seen[RESOURCES] += 1
            code = _count_resource(b, at, at + length, seen)
            if code < 0:
                return code
    return np.int64(0)


@bare
def _count_resource(b: U8, p: Int, end: Int, seen: I64) -> Int:
    while p < end:
        tag, at, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x0A:
            seen[RESOURCE_PIECES] += 1
        elif tag == 0x12:
            seen[SCOPES] += 1
            code = _count_scope(b, at, at + length, seen)
            if code < 0:
                return code
        elif tag == 0x1A and not is_utf8(b, at, at + length):
            return np.int64(INVALID_UTF8)
    return np.int64(0)


@bare
def _count_scope(b: U8, p: Int, end: Int, seen: I64) -> Int:
    while p < end:
        tag, at, length, p = field(b, p, end)
        if p < 0:
            return p
        if tag == 0x12:
            seen[SPANS] += 1
        elif tag == 0x0A:
            seen[SCOPE_PIECES] += 1
        elif tag == 0x1A and not is_utf8(b, at, at + length):
            return np.int64(INVALID_UTF8)
    return np.int64(0)


@kernel
def place(b: U8, start: I64, status: I64, out: Frames) -> None:
    """Fill `out`, which has the sizes that `count` gave. About 6 ns a span."""
    n = np.zeros(5, np.int64)
    for i in range(len(status)):
        if status[i] != 0:
            continue
        first_span = n[SPANS]
        p, end = start[i], start[i + 1]
        while p < end:
            tag, at, length, p = field(b, p, end)
            if tag == 0x0A:
                _place_resource(b, at, at + length, n, out)
        for k in range(first_span, n[SPANS]):
            out.span_record[k] = i
            out.span_index[k] = k - first_span


@bare
def _place_resource(b: U8, p: Int, end: Int, n: I64, out: Frames) -> None:
    r = n[RESOURCES]
    n[RESOURCES] += 1
    out.resource_url_at[r] = 0
    out.resource_url_length[r] = 0
    while p < end:
        tag, at, length, p = field(b, p, end)
        if tag == 0x0A:
            k = n[RESOURCE_PIECES]
            n[RESOURCE_PIECES] += 1
            out.resource.owner[k] = r
            out.resource.at[k] = at
            out.resource.end[k] = at + length
        elif tag == 0x12:
            _place_scope(b, at, at + length, r, n, out)
        elif tag == 0x1A:
            out.resource_url_at[r] = at
            out.resource_url_length[r] = length


@bare
def _place_scope(b: U8, p: Int, end: Int, r: Int, n: I64, out: Frames) -> None:
    s = n[SCOPES]
    n[SCOPES] += 1
    out.scope_resource[s] = r
    out.scope_url_at[s] = 0
    out.scope_url_length[s] = 0
    while p < end:
        tag, at, length, p = field(b, p, end)
        if tag == 0x12:
            k = n[SPANS]
            n[SPANS] += 1
            out.span_at[k] = at
            out.span_end[k] = at + length
            out.span_resource[k] = r
            out.span_scope[k] = s
        elif tag == 0x0A:
            k = n[SCOPE_PIECES]
            n[SCOPE_PIECES] += 1
            out.scope.owner[k] = s
            out.scope.at[k] = at
            out.scope.end[k] = at + length
        elif tag == 0x1A:
            out.scope_url_at[s] = at
            out.scope_url_length[s] = length
