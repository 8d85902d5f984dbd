"""Arrow tables → Native blocks, for what has few rows: window partials, closed windows.

Promises: no nulls in, none out; the same table gives the same bytes. ClickHouse casts to the table's own types (LowCardinality, SimpleAggregateFunction).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.native.block import Column, Data, block
from pipeline.kernels.native.strings import strings
from pipeline.model.outcome import Block

NUMBERS = {
    pa.int32(): "Int32",
    pa.int64(): "Int64",
    pa.uint32(): "UInt32",
    pa.uint64(): "UInt64",
    pa.float64(): "Float64",
}


def arrow_block(table: str, rows: pa.RecordBatch | pa.Table, *, extra: Sequence[Column] = ()) -> Block:
    """One block of `table` with the columns' own names; a column `…_s` of times becomes a DateTime without the unit in its name."""
    if isinstance(rows, pa.Table):
        rows = rows.combine_chunks()
    columns = [*extra, *(_column(name, _one_array(rows.column(name))) for name in rows.schema.names)]
    return Block(table, tuple(name for name, _, _ in columns), rows.num_rows, block(rows.num_rows, columns))


def _one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _column(name: str, array: pa.Array) -> Column:
    if name == "window_start_s":
        return "window_start", "DateTime", [array.to_numpy(zero_copy_only=False).astype(np.uint32)]
    return name, *_typed(array)


def _typed(array: pa.Array) -> tuple[str, list[Data]]:
    kind = array.type
    if pa.types.is_boolean(kind):
        return "Bool", [array.to_numpy(zero_copy_only=False).astype(np.uint8)]
    if pa.types.is_string(kind):
        return "String", [_strings(array)]
    if pa.types.is_map(kind):
        key_type, keys = _typed(_part(array, array.keys))
        value_type, values = _typed(_part(array, array.items))
        ends = array.offsets.to_numpy()[1:].astype(np.uint64) - np.uint64(array.offsets[0].as_py())
        return f"Map({key_type}, {value_type})", [ends, *keys, *values]
    return NUMBERS[kind], [array.to_numpy(zero_copy_only=False)]


def _part(array: pa.Array, child: pa.Array) -> pa.Array:
    """The entries that belong to this (perhaps sliced) array."""
    first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
    return child.slice(first, last - first) if len(child) != last - first else child


def _strings(array: pa.Array) -> npt.NDArray[np.uint8]:
    if not len(array):
        return np.empty(0, np.uint8)
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    buffer = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return strings(buffer, ends[:-1], np.diff(ends).astype(np.int32))
