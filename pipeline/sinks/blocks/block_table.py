"""What a block of one table is, told once: its columns with name, ClickHouse type, source column and transform.

Promises: the data of a block is what its columns say, in their order; a test holds them to the tables' definitions.
Says nothing of how a block is sent. A column is written in the plain type: ClickHouse casts to LowCardinality,
SimpleAggregateFunction and the like.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from pipeline.kernels.native.block import Data, block
from pipeline.model.outcome import Block

S = TypeVar("S")
"""What a block is made of: decoded spans, a table of window sums, dead letters."""

_DICTIONARY = "LowCardinality("
_DICTIONARY_VERSION = np.array([1], np.uint64)
"""Written before the data of a column, once for each LowCardinality in its type.

Shared dictionaries with additional keys.
"""


@dataclass(frozen=True, slots=True)
class BlockColumn(Generic[S]):
    """One column of a block."""

    name: str
    """As the table has it; a nested column as `Events.Name`."""
    type: str
    """As ClickHouse writes it."""
    source: str
    """Which column or attribute of the source it shows."""
    transform: Callable[[S, Any], Sequence[Data]]
    """From the source and what stands in `source`: the column's data."""


@dataclass(frozen=True, slots=True)
class BlockTable(Generic[S]):
    """Blocks of one table. ValueError where a column stands there twice."""

    table: str
    columns: tuple[BlockColumn[S], ...]
    read: Callable[[S, str], Any]
    """What stands in a source column."""

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.columns):
            raise ValueError(f"a block of {self.table} has two columns of one name")

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)

    def block(self, source: S, rows: int) -> Block:
        """The block of `rows` rows that shows `source`."""
        return Block(
            self.table, self.names, rows, block(rows, ((c.name, c.type, self._data(c, source)) for c in self.columns))
        )

    def _data(self, column: BlockColumn[S], source: S) -> Sequence[Data]:
        data = column.transform(source, self.read(source, column.source))
        return [*[_DICTIONARY_VERSION] * column.type.count(_DICTIONARY), *data]
