"""`Sheet`: the sums of one window over series, as arrays; packed when they are only kept to be taken away later.

Promises: slots and keys ascend, each once; all is integers (weights in units of 2^-16), so adding is exact in any order and
can be undone. Does not know the series' names.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.window.sparse import BUCKET_BITS

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
T = TypeVar("T", np.int32, np.int64)

ONE = 1 << 16
SPANS, CALLS, ERRORS, DURATION, SATISFIED, TOLERATING = range(6)
"""Columns of sums. All but SPANS and DURATION are units; DURATION is modulo 2^64."""
FIGURES = 6


@dataclass(frozen=True, slots=True)
class Sheet:
    """k series with sums, p (series, bucket) pairs."""

    slots: I32
    sums: I64
    """int64[k, 6]"""
    keys: I32
    """slot << 12 | bucket + 1"""
    units: I64


EMPTY = Sheet(np.empty(0, np.int32), np.empty((0, FIGURES), np.int64), np.empty(0, np.int32), np.empty(0, np.int64))


def sheet_of(slots: I32, sums: I64, pair_slots: I32, buckets: I32, units: I64) -> Sheet:
    """A sheet of rows in any order, slots and pairs repeated or not."""
    keys = (pair_slots << BUCKET_BITS) | (buckets + 1)
    return Sheet(*_added(slots, sums), *_added(keys, units))


def total(sheets: list[Sheet]) -> Sheet:
    """The sum of sheets."""
    if len(sheets) <= 1:
        return sheets[0] if sheets else EMPTY
    slots, sums = _added(np.concatenate([s.slots for s in sheets]), np.concatenate([s.sums for s in sheets]))
    return Sheet(
        slots, sums, *_added(np.concatenate([s.keys for s in sheets]), np.concatenate([s.units for s in sheets]))
    )


def _added(keys: I32, values: I64) -> tuple[I32, I64]:
    """Ascending keys, each once, with the sums of their values."""
    if len(keys) == 0:
        return keys, values
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.add.reduceat(values[order], starts, axis=0)


@dataclass(frozen=True, slots=True)
class Packed:
    """A sheet, compressed: differences of keys, column by column, bytes of one place together."""

    series: int
    pairs: int
    data: bytes


_CODEC = pa.Codec("zstd", compression_level=3)


def pack(sheet: Sheet) -> Packed:
    """Compress; about a tenth of the size."""
    parts = (
        _planes(np.diff(sheet.slots, prepend=np.int32(0))),
        *(_planes(np.ascontiguousarray(column)) for column in _eased(sheet.sums).T),
        _planes(np.diff(sheet.keys, prepend=np.int32(0))),
        _planes(sheet.units),
    )
    return Packed(len(sheet.slots), len(sheet.keys), _CODEC.compress(b"".join(parts), asbytes=True))


def unpack(packed: Packed) -> Sheet:
    """The sheet as it was."""
    k, p = packed.series, packed.pairs
    data = _CODEC.decompress(packed.data, (4 + 8 * FIGURES) * k + 12 * p, asbytes=True) if k else b""
    slots = np.cumsum(_unplanes(data[: 4 * k], np.int32), dtype=np.int32)
    columns = [_unplanes(data[(4 + 8 * n) * k : (12 + 8 * n) * k], np.int64) for n in range(FIGURES)]
    rest = data[(4 + 8 * FIGURES) * k :]
    keys = np.cumsum(_unplanes(rest[: 4 * p], np.int32), dtype=np.int32)
    return Sheet(slots, _hardened(np.stack(columns, axis=1)), keys, _unplanes(rest[4 * p :], np.int64))


def _planes(values: I32 | I64) -> bytes:
    """All first bytes, all second bytes, …: high bytes are alike."""
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()


def _unplanes(data: bytes, dtype: type[T]) -> npt.NDArray[T]:
    planes = np.frombuffer(data, np.uint8).reshape(np.dtype(dtype).itemsize, -1)
    values: npt.NDArray[T] = np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
    return values


def _eased(sums: I64) -> I64:
    """Calls as what they are above spans, satisfied as what is missing to calls: mostly 0."""
    eased = sums.copy()
    eased[:, CALLS] -= sums[:, SPANS] * ONE
    eased[:, SATISFIED] -= sums[:, CALLS]
    return eased


def _hardened(eased: I64) -> I64:
    eased[:, CALLS] += eased[:, SPANS] * ONE
    eased[:, SATISFIED] += eased[:, CALLS]
    return eased
