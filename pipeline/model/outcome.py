"""`Outcome`: what working on one `Records` range gives.

Blocks for ClickHouse, messages for Kafka, counts about ourselves.

Promises: plain bytes, a pure function of the records and the row-shaping settings; rebuilt, it is equal byte for byte.
Does not know how blocks and messages are sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

ITEMS = "items"
"""Key in `Outcome.counts`: items of the range that were worked on (spans, points, log records: the route names them).
"""


@dataclass(frozen=True, slots=True)
class Block:
    """One insert: rows of one table in ClickHouse's Native form, all in one block."""

    table: str
    columns: tuple[str, ...]
    rows: int
    data: bytes
    part: str = ""
    """Where one outcome holds several blocks of a table: what tells their tokens apart."""


@dataclass(frozen=True, slots=True)
class Message:
    """One record to produce. A repeat is harmless: its reader knows it by its headers or its value's range."""

    topic: str
    value: bytes
    key: bytes | None = None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that one range gives."""

    blocks: tuple[Block, ...] = ()
    messages: tuple[Message, ...] = ()
    dead_records: int = 0
    """Records that were given up as a whole: for the ratio and run-length limits."""
    counts: Mapping[str, float] = field(default_factory=dict)
    """Increments by self-metric name (pipeline/telemetry.py)."""
    item_ends_ns: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64), compare=False)
    """When items of the range ended: all, or some hundreds evenly chosen of `counts[ITEMS]`.

    The delay to their rows is told from them.
    """
