"""Arrow tables → Native blocks, for what has few rows: window partials, closed windows.

Promises: no nulls in, none out; the same table gives the same bytes. ClickHouse casts to the table's own types
(LowCardinality, SimpleAggregateFunction).
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.native.block import Data
from pipeline.kernels.native.strings import strings
from pipeline.model.outcome import Block
from pipeline.sinks.blocks.block_table import BlockColumn, BlockTable

Rows: TypeAlias = pa.RecordBatch | pa.Table
_NUMBERS = {
    pa.bool_(): ("Bool", np.uint8),
    pa.int32(): ("Int32", np.int32),
    pa.int64(): ("Int64", np.int64),
    pa.uint32(): ("UInt32", np.uint32),
    pa.uint64(): ("UInt64", np.uint64),
    pa.float64(): ("Float64", np.float64),
}
"""Arrow's type: ClickHouse's, and how a value lies in memory."""
_TIME = "window_start_s"


def arrow_block(table: str, rows: Rows) -> Block:
    """One block of `table` with the columns that `arrow_columns` tells of its schema."""
    return BlockTable(table, arrow_columns(rows.schema), column).block(rows, rows.num_rows)


def arrow_columns(schema: pa.Schema) -> tuple[BlockColumn[Rows], ...]:
    """Columns by their own names; the time `window_start_s` becomes a DateTime without the unit in its name.

    KeyError: a type that no table of ours has.
    """
    return tuple(_block_column(field) for field in schema)


def column(rows: Rows, name: str) -> pa.Array:
    """A column in one piece."""
    found = rows.column(name)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def column_type(kind: pa.DataType) -> str:
    """ClickHouse's type for Arrow's."""
    if pa.types.is_string(kind):
        return "String"
    if pa.types.is_map(kind):
        return f"Map({column_type(kind.key_type)}, {column_type(kind.item_type)})"
    return _NUMBERS[kind][0]


def column_data(array: pa.Array) -> list[Data]:
    """A column's values, in the type that `column_type` says."""
    kind = array.type
    if pa.types.is_string(kind):
        return [_strings(array)]
    if pa.types.is_map(kind):
        ends = array.offsets.to_numpy()[1:].astype(np.uint64) - np.uint64(array.offsets[0].as_py())
        return [ends, *column_data(_part(array, array.keys)), *column_data(_part(array, array.items))]
    return [array.to_numpy(zero_copy_only=False).astype(_NUMBERS[kind][1], copy=False)]


def _block_column(field: pa.Field) -> BlockColumn[Rows]:
    if field.name == _TIME:
        return BlockColumn("window_start", "DateTime", _TIME, _seconds)
    return BlockColumn(field.name, column_type(field.type), field.name, _as_it_is)


def _as_it_is(_: object, array: pa.Array) -> list[Data]:
    return column_data(array)


def _seconds(_: object, array: pa.Array) -> list[Data]:
    return [array.to_numpy(zero_copy_only=False).astype(np.uint32)]


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
