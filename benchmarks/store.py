"""What an insert costs the embedded ClickHouse whatever its size, and what the store costs at rest and at a trickle.

    python -m benchmarks store [--inserts 100] [--seconds 20]

CPU of the store's process alone, merges and the cleaning of merged-away parts included: `--inserts` blocks of 20 rows
of windows, with the views that roll them up and into a table without any, and by turns with those the same as it was
before: thirteen files a part, statistics, all threads for each insert. Then `--seconds` at rest; then as long at a
trickle, as 100 spans/s make one: a block a second into each of four tables. Goals: 20 ms an insert with views, 0.06 of
a core at the trickle.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from clickhouse_connect.driver.client import Client

from benchmarks import options
from benchmarks.testbed import server
from pipeline.settings import Settings, load
from pipeline.sinks.clickhouse.connection import connect
from pipeline.sinks.clickhouse.migrate import migrate
from pipeline.sinks.clickhouse.schema import days_kept
from pipeline.sinks.clickhouse.sink import insert_settings

TIMEOUT_S = 400
ROWS = 20
BLOCKS = 12
SETTLE_S = 1.0
"""After the inserts, so that the merges which they caused are counted."""
ROUNDS = 5
"""By turns, so that both sides meet the same machine."""
BEFORE_PARTS = {"min_bytes_for_full_part_storage": "0", "auto_statistics_types": "'basic, uniq_v2'"}
BEFORE_INSERT = {"max_threads": 0, "max_insert_threads": 0}
"""As the engine has it by itself."""
GOAL_MS = 20
GOAL_CORES = 0.06
TRICKLE = ("otel_traces", "span_windows", "series_windows", "progress")
_NAMES = "'production' AS environment, concat('service ', toString(number % 5)) AS service, concat('GET /', toString(number)) AS operation"
_WINDOW = "toDateTime(intDiv(toUnixTimestamp(now()), 10) * 10 - {at} * 10) AS window_start"
_SUMS = (
    "5::UInt64 AS spans, 5.0 AS calls, 1000000::UInt64 AS duration_ns, map(600::Int32, 2.0, 640::Int32, 3.0) AS latency"
)
SELECTS = {
    "span_windows": f"SELECT {_WINDOW}, {_NAMES}, '1' AS version, 'server' AS kind, 'ok' AS status, {_SUMS} FROM numbers({ROWS})",  # noqa: S608
    "series_windows": f"SELECT {_WINDOW}, {_NAMES}, 0::Int32 AS partition, 'e' AS epoch, 'server' AS kind, {_SUMS} FROM numbers({ROWS})",  # noqa: S608
    "otel_traces": (
        "SELECT now64(9) AS Timestamp, lower(hex(cityHash64(number, {at}))) AS TraceId, 'GET /' AS SpanName, 'shop' AS ServiceName,"  # noqa: S608
        f" map('http.method', 'GET', 'http.route', '/') AS SpanAttributes, 1000000::UInt64 AS Duration FROM numbers({5 * ROWS})"
    ),
    "progress": "SELECT 'otlp_spans' AS topic, 'e' AS epoch, 0::Int32 AS partition, 'tailrace' AS `group`, {at}::Int64 AS offset",
}
"""Rows like those of a worker, made by the store itself before anything is measured."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """Seconds of CPU.

    The kernel's are nearly all for making files, and differ by file system and by how many were just deleted.
    """

    user: float
    system: float

    def since(self, before: "Cpu", over: float) -> "Cpu":
        """What came after `before`, divided by `over`."""
        return Cpu((self.user - before.user) / over, (self.system - before.system) / over)

    def ms(self) -> str:
        """In milliseconds."""
        return f"{(self.user + self.system) * 1000:.1f} ms ({self.system * 1000:.1f} the kernel's)"

    def of_a_core(self) -> str:
        """As a share of one."""
        return f"{self.user + self.system:.3f} of a core ({self.system:.3f} the kernel's)"


class Store:
    """The server's process, a client of it, and blocks for it."""

    def __init__(self, process: psutil.Process, url: str, *, before: bool = False) -> None:
        self.process = process
        database = "before" if before else "tailrace"
        self._settings: Settings = load({}, clickhouse_url=f"{url.rstrip('/')}/{database}")[0]
        self._days = days_kept(self._settings)
        migrate(self._settings)
        self._client: Client = connect(self._settings)
        self._client.command("CREATE TABLE plain AS span_windows")
        self._how: dict[str, int] = BEFORE_INSERT if before else {}
        for table in ("plain", "span_windows", "span_windows_1m", "span_windows_1h") if before else ():
            for name, value in BEFORE_PARTS.items():
                self._client.command(f"ALTER TABLE {table} MODIFY SETTING {name} = {value}")
        self._columns = {table: self._names(select) for table, select in SELECTS.items()}
        self._blocks = {table: self._made(select) for table, select in SELECTS.items()}
        self._sent = 0

    def _names(self, select: str) -> list[str]:
        return [str(row[0]) for row in self._client.query(f"DESCRIBE ({select.format(at=0)})").result_rows]

    def _made(self, select: str) -> list[bytes]:
        return [self._client.raw_query(select.format(at=at), fmt="Native") for at in range(BLOCKS)]

    def insert(self, table: str, *, like: str = "") -> None:
        """One block, as a worker sends it; `like` names the table whose rows it has."""
        self._sent += 1
        source = like or table
        self._client.raw_insert(
            table,
            column_names=self._columns[source],
            insert_block=self._blocks[source][self._sent % BLOCKS],
            fmt="Native",
            settings={**insert_settings(f"{table}|{self._sent}", ROWS, self._days.get(table, 0)), **self._how},
        )

    def cpu(self) -> Cpu:
        """Of the process so far."""
        used = self.process.cpu_times()
        return Cpu(used.user, used.system)

    def folders(self) -> tuple[int, int]:
        """Parts in use, and parts merged away that still lie there."""
        counted = self._client.query(
            "SELECT countIf(active), countIf(NOT active) FROM system.parts WHERE database = 'tailrace'"
        )
        return int(counted.result_rows[0][0]), int(counted.result_rows[0][1])

    def close(self) -> None:
        """Leave the server."""
        self._client.close()


def costs(stores: Sequence[Store], inserts: int, table: str, *, like: str = "") -> list[Cpu]:
    """Of one insert into each store, in CPU-seconds, by turns; the first ten are not counted."""
    used = [Cpu(0.0, 0.0) for _ in stores]
    for store in stores:
        for _ in range(10):
            store.insert(table, like=like)
    time.sleep(SETTLE_S)
    for _ in range(ROUNDS):
        for number, store in enumerate(stores):
            begun = store.cpu()
            for _ in range(inserts // ROUNDS):
                store.insert(table, like=like)
            time.sleep(SETTLE_S)
            one = store.cpu().since(begun, 1)
            used[number] = Cpu(used[number].user + one.user, used[number].system + one.system)
    return [one.since(Cpu(0.0, 0.0), inserts // ROUNDS * ROUNDS) for one in used]


def cores(store: Store, seconds: int, *tables: str) -> Cpu:
    """Used on average while each table gets a block a second."""
    begun, begun_at = store.cpu(), time.monotonic()
    for second in range(1, seconds + 1):
        for table in tables:
            store.insert(table)
        time.sleep(max(0.0, begun_at + second - time.monotonic()))
    return store.cpu().since(begun, time.monotonic() - begun_at)


def main() -> None:
    """Print the figures."""
    parser = options.parser(__doc__, TIMEOUT_S)
    parser.add_argument("--inserts", type=int, default=100, help="of each kind (%(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="at rest and at the trickle (%(default)s)")
    chosen = options.parse(parser)
    with (
        tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder,
        server("clickhouse", Path(folder)) as (one, url),
    ):
        store = Store(one, url)
        before = Store(one, url, before=True)
        now, then = costs([store, before], chosen.inserts, "span_windows")
        print(f"insert of {ROWS} rows with two views: {now.ms()}, before {then.ms()}; goal {GOAL_MS} ms")
        now, then = costs([store, before], chosen.inserts, "plain", like="span_windows")
        print(f"without: {now.ms()}, before {then.ms()}")
        before.close()
        print(
            f"at rest: {cores(store, chosen.seconds).of_a_core()}, {one.memory_info().rss / 2**20:,.0f} MiB", flush=True
        )
        print(f"trickle: {cores(store, chosen.seconds, *TRICKLE).of_a_core()}; goal {GOAL_CORES}")
        in_use, merged_away = store.folders()
        files = sum(path.is_file() for path in Path(folder).rglob("*"))
        print(f"after it: {in_use} parts, {merged_away} merged away, {files:,} files")
        store.close()


if __name__ == "__main__":
    main()
