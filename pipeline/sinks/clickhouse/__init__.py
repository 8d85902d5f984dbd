"""ClickHouse: where rows and sums land.

`sink` inserts, `migrate` makes the tables, `check` asserts what exactness rests on.
"""

from pipeline.sinks.clickhouse.sink import ClickHouse

__all__ = ["ClickHouse"]
