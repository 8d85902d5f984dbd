"""`SeriesTable`: series keys to slots and back, with a limit.

Promises: a slot stands for one (environment, service, operation, kind) until it is freed; freed slots are used again. Beyond
`series_total` a new series gets the slot of its service's overflow series, and beyond a tenth more, of one overflow series for
all. Lookups cost a dict get per row. Does not know sums.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.window.sparse import SLOTS_MAX
from schemas.columns import KINDS, OVERFLOW_OPERATION

I32 = npt.NDArray[np.int32]
KEYS = ("environment", "service", "operation", "kind")
_SEPARATOR = "|"


class SeriesTable:
    """Which slot stands for which series."""

    def __init__(self, series_total: int) -> None:
        self._limit = min(series_total, SLOTS_MAX * 9 // 10 - 1)
        self._most = self._limit + self._limit // 10 + 1
        self._slot: dict[str, int] = {}
        self._key: list[str | None] = []
        self._free: list[int] = []
        self._sorted: tuple[I32, pa.Table] | None = None

    def __len__(self) -> int:
        """Series that have a slot."""
        return len(self._slot)

    @property
    def slots(self) -> int:
        """Slots there are, free ones among them."""
        return len(self._key)

    def find(self, rows: pa.RecordBatch | pa.Table) -> tuple[I32, npt.NDArray[np.bool_]]:
        """The slot of each row, and whether it is there for want of room."""
        texts = _join(*(rows.column(name) for name in KEYS)).to_pylist()
        get = self._slot.get
        slots = [get(text, -1) for text in texts]
        over = np.zeros(len(slots), np.bool_)
        for row in [row for row, slot in enumerate(slots) if slot < 0]:
            slots[row], over[row] = self._add(texts[row])
        return np.array(slots, np.int32), over

    def free(self, slots: I32) -> None:
        """These series are gone."""
        for slot in slots.tolist():
            key, self._key[slot] = self._key[slot], None
            if key is not None:
                del self._slot[key]
                self._free.append(slot)
                self._sorted = None

    def sorted(self) -> tuple[I32, pa.Table]:
        """All slots in order of their keys, and the keys."""
        if self._sorted is None:
            slots = np.fromiter(self._slot.values(), np.int32, len(self._slot))
            parts = list(zip(*map(_split, self._slot), strict=True)) or [(), (), (), ()]
            keys = pa.table([pa.array(part, pa.string()) for part in parts], names=list(KEYS))
            order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in KEYS])
            self._sorted = slots[order.to_numpy()], keys.take(order)
        return self._sorted

    def _add(self, text: str) -> tuple[int, bool]:
        """A slot for a new series, or that of an overflow series."""
        if (known := self._slot.get(text)) is not None:
            return known, False
        if len(self._slot) < self._limit:
            return self._new(text), False
        environment, service, operation, _ = _split(text)
        text = _one(environment, service, OVERFLOW_OPERATION, KINDS[0])
        if text not in self._slot and len(self._slot) >= self._most:
            text = _one("", OVERFLOW_OPERATION, OVERFLOW_OPERATION, KINDS[0])
        known = self._slot.get(text)
        return (self._new(text) if known is None else known), operation != OVERFLOW_OPERATION

    def _new(self, text: str) -> int:
        if self._free:
            slot = self._free.pop()
            self._key[slot] = text
        else:
            slot = len(self._key)
            self._key.append(text)
        self._slot[text] = slot
        self._sorted = None
        return slot


def _join(environment: pa.Array, service: pa.Array, operation: pa.Array, kind: pa.Array) -> pa.Array:
    """`kind|length of environment|length of service|all three`: one text per key, whatever is in the names."""
    lengths = [pc.cast(pc.utf8_length(part), pa.string()) for part in (environment, service)]
    names = pc.binary_join_element_wise(environment, service, operation, "")
    return pc.binary_join_element_wise(kind, *lengths, names, _SEPARATOR)


def _one(environment: str, service: str, operation: str, kind: str) -> str:
    return _SEPARATOR.join((kind, str(len(environment)), str(len(service)), environment + service + operation))


def _split(text: str) -> tuple[str, str, str, str]:
    kind, first, second, names = text.split(_SEPARATOR, 3)
    middle = int(first)
    end = middle + int(second)
    return names[:middle], names[middle:end], names[end:], kind
