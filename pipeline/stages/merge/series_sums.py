"""`SeriesSums`: the sums of one window, or of many, over series: a row per series, its sketch packed as in `pipeline.kernels.window.sparse`.

Promises: slots ascend, each once; all is integers (weights in units of 2^-16), so adding is exact in any order and can be undone: sheets are an
abelian group under `added`, with `EMPTY` as nothing. `unpack` after `pack` is equal. Does not know the series' names.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.window import sparse

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
T = TypeVar("T", np.int32, np.int64)

ONE = 1 << 16
SPANS, CALLS, ERRORS, DURATION, SATISFIED, TOLERATING = range(6)
"""Columns of sums. All but SPANS and DURATION are units; DURATION is modulo 2^64."""
FIGURES = 6


@dataclass(frozen=True, slots=True)
class SeriesSums:
    """k series."""

    slots: I32
    sums: I64
    """int64[k, 6]"""
    ends: I64
    """Where the pairs of each series end in `data`."""
    data: U8

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.slots.nbytes + self.sums.nbytes + self.ends.nbytes + self.data.nbytes


EMPTY = SeriesSums(
    np.empty(0, np.int32), np.empty((0, FIGURES), np.int64), np.empty(0, np.int64), np.empty(0, np.uint8)
)


def sheet_of(slots: I32, sums: I64, offsets: I64, buckets: I32, units: I64) -> SeriesSums:
    """A sheet of rows in any order, slots repeated or not; row i has the pairs `offsets[i]:offsets[i + 1]`."""
    order = np.argsort(slots, kind="stable")
    return SeriesSums(*sparse.build(order, slots, sums, offsets, buckets, units))


def added(left: SeriesSums, right: SeriesSums, sign: int = 1) -> tuple[SeriesSums, I32]:
    """The sum left + sign · right; and for each row which of the left it is, unchanged, else -1."""
    slots, sums, ends, data, same = sparse.combine(
        left.slots, left.sums, left.ends, left.data, right.slots, right.sums, right.ends, right.data, sign
    )
    return SeriesSums(slots, sums, ends, data), same


class SumAccumulator:
    """Sheets that are being added up. Each is at least twice as large as the next, so what came is moved a few times only."""

    def __init__(self) -> None:
        self.sheets: list[SeriesSums] = []

    def add(self, sheet: SeriesSums) -> None:
        """One more."""
        self.sheets.append(sheet)
        while len(self.sheets) > 1 and self.sheets[-2].nbytes < 2 * self.sheets[-1].nbytes:
            last = self.sheets.pop()
            self.sheets[-1] = added(self.sheets[-1], last)[0]

    def total(self) -> SeriesSums:
        """The sum of all."""
        while len(self.sheets) > 1:
            last = self.sheets.pop()
            self.sheets[-1] = added(self.sheets[-1], last)[0]
        return self.sheets[0] if self.sheets else EMPTY


_CODEC = pa.Codec("zstd", compression_level=1)
_HEAD_BYTES = 16


def pack(sheet: SeriesSums) -> bytes:
    """Compressed: differences of slots and ends, sums column by column, bytes of one place together."""
    parts = (
        np.array([len(sheet.slots), len(sheet.data)], np.int64).tobytes(),
        _planes(np.diff(sheet.slots, prepend=np.int32(0))),
        _planes(np.diff(sheet.ends, prepend=0).astype(np.int32)),
        *(_planes(np.ascontiguousarray(column)) for column in _eased(sheet.sums).T),
        sheet.data.tobytes(),
    )
    plain = b"".join(parts)
    packed: bytes = _CODEC.compress(plain, asbytes=True)
    return len(plain).to_bytes(8, "little") + packed


def unpack(packed: bytes) -> SeriesSums:
    """The sheet as it was."""
    plain = _CODEC.decompress(packed[8:], int.from_bytes(packed[:8], "little"))
    series, size = np.frombuffer(plain, np.int64, 2).tolist()
    row_bytes = 4 * series
    at = _HEAD_BYTES
    slots = np.cumsum(_unplanes(plain, at, series, np.int32), dtype=np.int32)
    ends = np.cumsum(_unplanes(plain, at + row_bytes, series, np.int32), dtype=np.int64)
    at += 2 * row_bytes
    columns = [_unplanes(plain, at + 2 * row_bytes * n, series, np.int64) for n in range(FIGURES)]
    data = np.frombuffer(plain, np.uint8, size, at + 2 * row_bytes * FIGURES).copy()
    return SeriesSums(slots, _hardened(np.stack(columns, axis=1)), ends, data)


def _planes(values: I32 | I64) -> bytes:
    """All first bytes, all second bytes, …: high bytes are alike."""
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()


def _unplanes(data: pa.Buffer, at: int, count: int, dtype: type[T]) -> npt.NDArray[T]:
    size = np.dtype(dtype).itemsize
    planes = np.frombuffer(data, np.uint8, size * count, at).reshape(size, count)
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
