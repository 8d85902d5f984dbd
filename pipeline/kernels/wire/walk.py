"""The state of a walk over requests, one record of named numbers.

Where it is, what bounds it, how many rows it made, what it has of the leaf.

Promises: one pointer for a kernel, whatever it holds. Does not own the tables: `columns` holds the addresses of theirs.
"""

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from pipeline.kernels.jit import Int, folded
from pipeline.kernels.wire.attributes import SLOT_SIZE, Rows
from pipeline.kernels.wire.counted import COUNTED
from pipeline.kernels.wire.frames import I64
from pipeline.kernels.wire.memory import ANY_LENGTH, view8, view32, view64

Fields: TypeAlias = npt.NDArray[Any]
"""An array of one `WALK`."""

TABLES_MAX = 16
COLUMNS_MAX = 128
SCRATCH_MAX = 96


class Walk(Protocol):
    """What `WALK` holds, for the type checker."""

    record: Int
    """Which record, and which leaf of it, counted from 0."""
    nth: Int
    p: Int
    """The next byte, and the end of the message that it stands in."""
    end: Int
    level: Int
    resource_end: Int
    record_end: Int
    leaf_at: Int
    leaf_end: Int
    now_ns: Int
    """The record's own time; what is before the horizon is too old, what is behind the limit is put to it."""
    horizon_ns: Int
    limit_ns: Int
    rows: Int
    """Whether attributes and children are kept."""
    attributes_max: Int
    kept_max: Int
    """`attributes_max` with rows, else -1."""
    bad_max: Int
    more_bad: Int
    """Of this record, bad leaves for which there is no row."""
    again: Int
    """Whether codes of owners are known from an earlier scan."""
    resource_codes: Int
    scope_codes: Int
    """Addresses."""
    index_slots: Int
    index_length: Int
    index_state: Int
    keys: Int
    """A bit for each key of the leaf so far: an unset one says that a key is new without a look at the others."""
    first: Int
    """Where the leaf's attributes begin."""
    own: Int
    """How many attributes the leaf has itself; `over` counts what its children have too many."""
    over: Int
    n: I64
    """Rows of each table so far."""
    room: I64
    before_leaf: I64
    before_record: I64
    counted: I64
    counted_before: I64
    f: I64
    """The leaf's fields: value or place at the field's slot, length LEN after it."""
    slot: I64
    columns: I64


_NUMBERS = [name for name, kind in Walk.__annotations__.items() if kind is Int]
_ARRAYS = {
    "n": TABLES_MAX,
    "room": TABLES_MAX,
    "before_leaf": TABLES_MAX,
    "before_record": TABLES_MAX,
    "counted": COUNTED,
    "counted_before": COUNTED,
    "f": SCRATCH_MAX,
    "slot": SLOT_SIZE,
    "columns": COLUMNS_MAX,
}
WALK = np.dtype(
    [*((name, np.int64) for name in _NUMBERS), *((name, np.int64, (size,)) for name, size in _ARRAYS.items())]
)


def fresh() -> Fields:
    """A walk of zeros, as an array of one: numbers by name. Its element is what kernels take."""
    return np.zeros(1, WALK)


@folded
def copied(source: I64, target: I64) -> None:
    """Counters to go back to."""
    for i in range(len(source)):
        target[i] = source[i]


@folded
def rows_at(columns: I64, first: Int) -> Rows:
    """The table of attributes whose columns' addresses begin at `first`."""
    return Rows(
        view64(columns[first], ANY_LENGTH),
        view32(columns[first + 1], ANY_LENGTH),
        view64(columns[first + 2], ANY_LENGTH),
        view32(columns[first + 3], ANY_LENGTH),
        view8(columns[first + 4], ANY_LENGTH),
    )
