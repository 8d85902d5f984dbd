"""`Values`: the bytes of many records, left where they were received until one copy joins them.

Promises: a sequence of `bytes` to whoever asks for single ones; slices and sums share the buffers. Does not look inside
the bytes.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np
import numpy.typing as npt

from pipeline.kernels.log.batches import gather

U8 = npt.NDArray[np.uint8]
I64 = npt.NDArray[np.int64]


class Chunk(NamedTuple):
    """Values of one buffer: value i is buffer[starts[i]:stops[i]]."""

    buffer: U8
    starts: I64
    stops: I64


class Values(Sequence[bytes]):
    """See the module."""

    __slots__ = ("_chunks", "_ends")

    def __init__(self, chunks: Iterable[Chunk] = ()) -> None:
        self._chunks = tuple(chunk for chunk in chunks if len(chunk.starts))
        self._ends = np.cumsum([0, *(len(chunk.starts) for chunk in self._chunks)])

    @classmethod
    def of(cls, values: Sequence[bytes]) -> "Values":
        """From single values; itself where it is of this kind already."""
        if isinstance(values, cls):
            return values
        stops = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
        starts = np.concatenate([np.zeros(1, np.int64), stops[:-1]]) if len(values) else stops
        return cls((Chunk(np.frombuffer(b"".join(values), np.uint8), starts, stops),))

    @classmethod
    def together(cls, parts: Iterable["Values"]) -> "Values":
        """All values of all parts, one behind the other; nothing is copied."""
        return cls(chunk for part in parts for chunk in part._chunks)

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """Where the values stand."""
        return self._chunks

    @property
    def sizes(self) -> I64:
        """int64[n], bytes."""
        return np.concatenate([np.empty(0, np.int64), *(chunk.stops - chunk.starts for chunk in self._chunks)])

    @property
    def size_bytes(self) -> int:
        """Of all values."""
        return sum(int((chunk.stops - chunk.starts).sum()) for chunk in self._chunks)

    def edges(self) -> tuple[U8, U8]:
        """(first byte, last byte) of each value; 0 for empty ones."""
        first, last = np.zeros(len(self), np.uint8), np.zeros(len(self), np.uint8)
        for end, (buffer, starts, stops) in zip(self._ends[1:], self._chunks, strict=True):
            full = np.flatnonzero(stops > starts)
            here = full + (end - len(starts))
            first[here], last[here] = buffer[starts[full]], buffer[stops[full] - 1]
        return first, last

    def copy_into(self, out: U8) -> None:
        """All bytes, one value behind the other."""
        at = 0
        for chunk in self._chunks:
            at = int(gather(chunk.buffer, chunk.starts, chunk.stops, out, at))

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> "Values": ...
    def __getitem__(self, index: int | slice) -> "bytes | Values":
        if isinstance(index, slice):
            return self._part(index)
        index = range(len(self))[index]
        k = int(np.searchsorted(self._ends, index, side="right")) - 1
        buffer, starts, stops = self._chunks[k]
        i = index - int(self._ends[k])
        return buffer[starts[i] : stops[i]].tobytes()

    def _part(self, index: slice) -> "Values":
        first, last, step = index.indices(len(self))
        if step != 1:
            raise ValueError("values are cut in one piece")
        parts = []
        for end, (buffer, starts, stops) in zip(self._ends[1:], self._chunks, strict=True):
            begin = int(end) - len(starts)
            inside = slice(max(0, first - begin), max(0, last - begin))
            parts.append(Chunk(buffer, starts[inside], stops[inside]))
        return Values(parts)

    def __iter__(self) -> Iterator[bytes]:
        for buffer, starts, stops in self._chunks:
            for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
                yield buffer[start:stop].tobytes()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)
