"""`SeriesTable`: series keys to slots and back, with a limit.

Promises: a slot stands for one series, named by the family's keys, until it is freed; freed slots are used again.
Beyond `series_total` a new series gets the slot of its place's overflow series, and beyond a tenth more, of one
overflow series for all. About 100 bytes a series, none of them a Python object. Does not know sums.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.seed import SEED
from pipeline.kernels.window import names
from schemas.families.base import OVERFLOW, Family

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SLOTS, _BYTES, _FREE, _MORE = range(4)


class SeriesTable:
    """Which slot stands for which series."""

    def __init__(self, family: Family, series_total: int) -> None:
        self._family = family
        self._limit = series_total
        self._most = series_total + series_total // 10 + 1
        self._arena = np.empty(1 << 12, np.uint8)
        self._at = np.empty(64, np.int64)
        self._lengths = np.empty((64, len(family.keys)), np.int32)
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
            marked = rows.column(self._family.overflow_key).filter(pa.array(without))
            over[without] = np.array([name != OVERFLOW for name in marked.to_pylist()], np.bool_)
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
        for number, name in enumerate(self._family.keys):
            offsets, data = names.column(self._arena, self._at, self._lengths, slots, number)
            found[name] = pa.StringArray.from_buffers(len(slots), pa.py_buffer(offsets), pa.py_buffer(data))
        return found

    def _overflow(self, rows: pa.RecordBatch) -> I32:
        """Slots of overflow series: the place's, or the last one."""
        family = self._family
        own = {key: pa.array([value] * rows.num_rows, pa.string()) for key, value in family.overflow.items()}
        own |= {key: rows.column(key) for key in family.place}
        slots = (
            self._slots_of(pa.record_batch(own), self._most)
            if family.overflow
            else np.full(rows.num_rows, -1, np.int32)
        )
        if (slots < 0).any():
            everything = pa.RecordBatch.from_pylist([dict(family.overflow_of_all)])
            slots[slots < 0] = self._slots_of(everything, self._most + 1)[0]
        return slots

    def _slots_of(self, rows: pa.RecordBatch, most: int) -> I32:
        """The slot of each row; -1 for new ones beyond `most` series."""
        text, starts, lengths = _joined([rows.column(key) for key in self._family.keys])
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
            more = np.empty((length - len(self._lengths), self._lengths.shape[1]), np.int32)
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


def _joined(columns: Sequence[pa.Array]) -> tuple[U8, I64, I32]:
    """Keys as `names` takes them: text, where each begins, and the lengths of its names."""
    offsets = [_offsets(column) for column in columns]
    lengths = np.stack([np.diff(one) for one in offsets], axis=1)
    joined = pc.binary_join_element_wise(*columns, "")
    _, _, data = joined.buffers()
    return np.frombuffer(data if data is not None else b"", np.uint8), _offsets(joined)[:-1].astype(np.int64), lengths


def _offsets(column: pa.Array) -> I32:
    """Where the strings of a column begin and end in its bytes."""
    if not len(column):
        return np.zeros(1, np.int32)
    return np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
