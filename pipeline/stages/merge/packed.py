"""`SeriesSums` as few bytes, for the hour that closed windows wait until they leave the last horizon.

Slots and ends are delta-coded. A column of sums is coded as its difference to the earlier column, plain or times 2^16,
that leaves most zeros, if any leaves more than the column itself has: where every weight is 1, calls follow from spans.
Bytes of one place stand together, then zstd.

Promises: `unpack` after `pack` is equal, whatever the sums. Does not know what a column stands for.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.stages.merge.series_sums import I32, I64, ONE, SeriesSums

T = TypeVar("T", np.int32, np.int64)

_CODEC = pa.Codec("zstd", compression_level=1)
_HEAD = 3
_FACTORS = (1, ONE)
_SAMPLE = 1024
"""So many series decide how columns are coded."""


def pack(sums: SeriesSums) -> bytes:
    """Compressed."""
    series, columns = sums.sums.shape
    coding = _coding(sums.sums[:: series // _SAMPLE + 1])
    differences = [_difference(sums.sums, n, code) for n, code in enumerate(coding)]
    parts = (
        np.array([series, len(sums.data), columns, *coding], np.int64).tobytes(),
        _planes(np.diff(sums.slots, prepend=np.int32(0))),
        _planes(np.diff(sums.ends, prepend=0).astype(np.int32)),
        *map(_planes, differences),
        sums.data.tobytes(),
    )
    plain = b"".join(parts)
    packed: bytes = _CODEC.compress(plain, asbytes=True)
    return len(plain).to_bytes(8, "little") + packed


def unpack(packed: bytes) -> SeriesSums:
    """The sums as they were."""
    plain = _CODEC.decompress(packed[8:], int.from_bytes(packed[:8], "little"))
    series, size, columns = np.frombuffer(plain, np.int64, _HEAD).tolist()
    coding = np.frombuffer(plain, np.int64, columns, 8 * _HEAD).tolist()
    at = 8 * (_HEAD + columns)
    slots = np.cumsum(_unplanes(plain, at, series, np.int32), dtype=np.int32)
    ends = np.cumsum(_unplanes(plain, at + 4 * series, series, np.int32), dtype=np.int64)
    at += 8 * series
    sums = np.empty((series, columns), np.int64)
    for n, code in enumerate(coding):
        sums[:, n] = _unplanes(plain, at + 8 * series * n, series, np.int64)
        if code >= 0:
            sums[:, n] += _predicted(sums, code)
    data = np.frombuffer(plain, np.uint8, size, at + 8 * series * columns).copy()
    return SeriesSums(slots, sums, ends, data)


def _coding(sample: I64) -> list[int]:
    """Of each column: which earlier column predicts it (times 2, plus 1 where by its 2^16-fold); -1 for none."""
    found = []
    for n in range(sample.shape[1]):
        best, zeros = -1, np.count_nonzero(sample[:, n] == 0)
        for code in range(len(_FACTORS) * n):
            equal = np.count_nonzero(sample[:, n] == _predicted(sample, code))
            if equal > zeros:
                best, zeros = code, equal
        found.append(best)
    return found


def _difference(sums: I64, column: int, code: int) -> I64:
    values: I64 = sums[:, column] - _predicted(sums, code) if code >= 0 else sums[:, column]
    return np.ascontiguousarray(values)


def _predicted(sums: I64, code: int) -> I64:
    column, factor = divmod(code, len(_FACTORS))
    values: I64 = sums[:, column] * _FACTORS[factor]
    return values


def _planes(values: I32 | I64) -> bytes:
    """All first bytes, all second bytes, …: high bytes are alike."""
    return values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()


def _unplanes(data: pa.Buffer, at: int, count: int, dtype: type[T]) -> npt.NDArray[T]:
    size = np.dtype(dtype).itemsize
    planes = np.frombuffer(data, np.uint8, size * count, at).reshape(size, count)
    values: npt.NDArray[T] = np.ascontiguousarray(planes.T).view(dtype).reshape(-1)
    return values
