"""`SeriesTable`: series keys to slots and back, with a limit.

Promises: a slot stands for one (environment, service, operation, kind) until it is freed; freed slots are used again. Beyond
`series_total` a new series gets the slot of its service's overflow series, and beyond a tenth more, of one overflow series for
all. About 100 bytes a series, none of them a Python object. Does not know sums.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.seed import SEED
from pipeline.kernels.window import names
from schemas.columns import KINDS, OVERFLOW_OPERATION

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

KEYS = ("environment", "service", "operation", "kind")
_EVERYTHING = pa.RecordBatch.from_pydict(
    dict(zip(KEYS, ([""], [OVERFLOW_OPERATION], [OVERFLOW_OPERATION], [KINDS[0]]), strict=True))
)
"""The key of the last resort."""
_SLOTS, _BYTES, _FREE, _MORE = range(4)


class SeriesTable:
    """Which slot stands for which series."""

    def __init__(self, series_total: int) -> None:
        self._limit = series_total
        self._most = series_total + series_total // 10 + 1
        self._arena = np.empty(1 << 12, np.uint8)
        self._at = np.empty(64, np.int64)
        self._lengths = np.empty((64, names.NAMES), np.int32)
        self._free = np.empty(0, np.int32)
        self._table = np.full(128, -1, np.int32)
        self._room = np.zeros(4, np.int64)
        self._order: I32 = np.empty(0, np.int32)
        self._unsorted: list[I32] = []

    def __len__(self) -> int:
        """Series that have a slot."""
        return int(self._room[_SLOTS] - self._room[_FREE])

    @property
    def slots(self) -> int:
        """Slots there are, free ones among them."""
        return int(self._room[_SLOTS])

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays."""
        held = (self._arena, self._at, self._lengths, self._free, self._table, self._order)
        return sum(array.nbytes for array in held)

    def find(self, rows: pa.RecordBatch) -> tuple[I32, Mask]:
        """The slot of each row, and whether it is there for want of room."""
        slots = self._slots_of(rows, self._limit)
        without = slots < 0
        over = without.copy()
        if without.any():
            operations = rows.column("operation").filter(pa.array(without))
            over[without] = np.array([name != OVERFLOW_OPERATION for name in operations.to_pylist()], np.bool_)
            slots[without] = self._overflow(rows.filter(pa.array(without)))
        return slots, over

    def free(self, slots: I32) -> None:
        """These series are gone."""
        if not len(slots):
            return
        self._sort()
        self._lengths[slots, 0] = -1
        free = self._free[: self._room[_FREE]]
        self._free = np.concatenate([free, slots])
        self._room[_FREE] += len(slots)
        self._order = self._order[self._lengths[self._order, 0] >= 0]
        alive = self._lengths[: self.slots]
        if self._room[_BYTES] > 2 * int(alive[alive[:, 0] >= 0].sum()) + (1 << 12):
            self._arena, self._room[_BYTES] = names.compact(self._arena, self._at, self._lengths, self.slots)
        self._rehash(len(self))

    def known(self) -> Mask:
        """bool[slots]: which slots stand for a series."""
        alive: Mask = self._lengths[: self.slots, 0] >= 0
        return alive

    def sorted(self) -> I32:
        """All slots in order of their keys."""
        self._sort()
        return self._order

    def columns(self, slots: I32) -> dict[str, pa.Array]:
        """The keys of some slots."""
        found = {}
        for number, name in enumerate(KEYS):
            offsets, data = names.column(self._arena, self._at, self._lengths, slots, number)
            found[name] = pa.StringArray.from_buffers(len(slots), pa.py_buffer(offsets), pa.py_buffer(data))
        return found

    def _overflow(self, rows: pa.RecordBatch) -> I32:
        """Slots of overflow series: the service's, or the last one."""
        own = {
            "environment": rows.column("environment"),
            "service": rows.column("service"),
            "operation": pa.array([OVERFLOW_OPERATION] * rows.num_rows, pa.string()),
            "kind": pa.array([KINDS[0]] * rows.num_rows, pa.string()),
        }
        slots = self._slots_of(pa.record_batch(own), self._most)
        if (slots < 0).any():
            slots[slots < 0] = self._slots_of(_EVERYTHING, self._most + 1)[0]
        return slots

    def _slots_of(self, rows: pa.RecordBatch, most: int) -> I32:
        """The slot of each row; -1 for new ones beyond `most` series."""
        (a, at_a), (b, at_b), (c, at_c), (d, at_d) = (_buffers(rows.column(name)) for name in KEYS)
        text, starts, lengths = names.join((a, b, c, d), (at_a, at_b, at_c, at_d), rows.num_rows)
        slots = names.find(text, starts, lengths, self._arena, self._at, self._lengths, self._table, SEED)
        new = np.flatnonzero(slots < 0)
        if len(new):
            self._make_room(min(len(new), max(0, most - len(self))), int(lengths[new].sum()))
            before, self._room[_MORE] = self.slots, max(0, most - len(self))
            free = self._free[: self._room[_FREE]].copy()
            slots[new] = names.add(
                text,
                starts,
                lengths,
                new,
                self._arena,
                self._at,
                self._lengths,
                self._table,
                self._free,
                self._room,
                SEED,
            )
            fresh = np.arange(before, self.slots, dtype=np.int32)
            self._unsorted += [free[self._room[_FREE] :], fresh]
        return slots

    def _make_room(self, series: int, size: int) -> None:
        """Let arrays be long enough for this many more."""
        if self.slots + series > len(self._at):
            length = max(self.slots + series, len(self._at) * 9 // 8)
            self._at = np.concatenate([self._at, np.empty(length - len(self._at), np.int64)])
            more = np.empty((length - len(self._lengths), names.NAMES), np.int32)
            self._lengths = np.concatenate([self._lengths, more])
        if self._room[_BYTES] + size > len(self._arena):
            more_bytes = np.empty(max(size, len(self._arena) // 8), np.uint8)
            self._arena = np.concatenate([self._arena, more_bytes])
        if 2 * (len(self) + series) > len(self._table):
            self._rehash(len(self) + series)

    def _rehash(self, series: int) -> None:
        size = 128
        while size < 2 * series:
            size *= 2
        self._table = names.rehash(self._arena, self._at, self._lengths, self.slots, size, SEED)

    def _sort(self) -> None:
        if self._unsorted:
            new = np.concatenate(self._unsorted)
            self._unsorted = []
            where = (self._arena, self._at, self._lengths)
            self._order = names.merge(*where, self._order, names.sort(*where, new))


def _buffers(column: pa.Array) -> tuple[U8, I32]:
    """Bytes and offsets of a string column."""
    _, offsets, data = column.buffers()
    text = np.frombuffer(data if data is not None else b"", np.uint8)
    if not len(column):
        return text, np.frombuffer(bytes(4), np.int32)
    return text, np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
