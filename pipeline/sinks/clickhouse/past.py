"""`Past`: closed windows of a stretch, as whoever looks back reads them: an hour of one partition at a time.

Promises: reads only; NotNow and Misconfigured as the sink tells them. Does not judge and does not fill gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from pipeline.sinks.clickhouse.errors import translate
from pipeline.sinks.clickhouse.family_sql import closed_columns, closed_partitions, closed_places
from schemas.columns import WINDOW_S
from schemas.families.base import Family

CHUNK_S = 3600
DOING = "reading closed windows"


@dataclass(frozen=True, slots=True)
class StoredPartition:
    """What there is of one partition of `tailrace.windows` in a stretch."""

    partition: int
    epoch: str
    first_s: int
    """Start of its first window, Unix seconds."""
    last_s: int
    """Start of its last."""
    windows: int
    """With any series."""
    rows: int


class Past:
    """Of one family."""

    def __init__(self, client: Client, family: Family, since_s: int, until_s: int) -> None:
        """Windows that start in [since_s, until_s)."""
        self._client, self._family = client, family
        self._stretch = {"since": since_s, "until": until_s}

    def partitions(self) -> list[StoredPartition]:
        """Those that have any, by their first window."""
        return [StoredPartition(*row) for row in self._rows(closed_partitions(self._family))]

    def places(self) -> dict[tuple[str, ...], tuple[int, str]]:
        """Where each place was heard: partition and epoch."""
        return {
            tuple(map(str, place)): (int(partition), str(epoch))
            for partition, epoch, *place in self._rows(closed_places(self._family))
        }

    def windows(self, one: StoredPartition, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Its rows, whole windows in order of time."""
        query = closed_columns(self._family, columns)
        for since_s in range(one.first_s, one.last_s + WINDOW_S, CHUNK_S):
            values = {"partition": one.partition, "epoch": one.epoch, "since": since_s}
            values["until"] = min(since_s + CHUNK_S, one.last_s + WINDOW_S)
            try:
                yield self._client.query_arrow(query, values)
            except ClickHouseError as error:
                raise translate(error, DOING) from None

    def _rows(self, query: str) -> Sequence[Sequence[Any]]:
        try:
            return self._client.query(query, self._stretch).result_rows
        except ClickHouseError as error:
            raise translate(error, DOING) from None
