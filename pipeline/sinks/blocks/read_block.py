"""A Native block of plain types back into an Arrow table.

For the memory twin of the store, which keeps what was inserted as bytes.

Promises: what `arrow_rows` wrote comes back equal, a DateTime as seconds (uint32). Not for blocks of spans: of
LowCardinality, Array and Nullable it knows nothing (KeyError).
"""

import re

import numpy as np
import pyarrow as pa

from pipeline.model.outcome import Block

_NUMBERS = {
    "Bool": np.dtype(np.bool_),
    "Int32": np.dtype(np.int32),
    "Int64": np.dtype(np.int64),
    "UInt32": np.dtype(np.uint32),
    "UInt64": np.dtype(np.uint64),
    "Float64": np.dtype(np.float64),
    "DateTime": np.dtype(np.uint32),
}
_MAP = re.compile(r"Map\((\w+), (\w+)\)")


def read_block(block: Block) -> pa.Table:
    """All rows, columns in the block's order."""
    reader = _Reader(block.data)
    columns, rows = reader.varint(), reader.varint()
    found = {}
    for _ in range(columns):
        name, kind = reader.text(), reader.text()
        found[name] = reader.column(kind, rows)
    return pa.table(found)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self) -> str:
        size = self.varint()
        self._at += size
        return self._data[self._at - size : self._at].decode()

    def column(self, kind: str, rows: int) -> pa.Array:
        if kind == "String":
            return pa.array([self.text() for _ in range(rows)], pa.string())
        if of := _MAP.fullmatch(kind):
            ends = self._numbers(np.dtype(np.uint64), rows).astype(np.int32)
            entries = int(ends[-1]) if rows else 0
            keys, values = self.column(of[1], entries), self.column(of[2], entries)
            return pa.MapArray.from_arrays(pa.array(np.concatenate([np.zeros(1, np.int32), ends])), keys, values)
        return pa.array(self._numbers(_NUMBERS[kind], rows))

    def _numbers(self, kind: np.dtype[np.generic], rows: int) -> np.ndarray[tuple[int], np.dtype[np.generic]]:
        found = np.frombuffer(self._data, kind, rows, self._at)
        self._at += found.nbytes
        return found
