"""What the embedded ClickHouse is started with: frozen, read once from the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

SKIP_LOG_REPAIR = "TAILRACE_TEST_SKIP_LOG_REPAIR"  # only for the proof that the repair is needed


@dataclass(frozen=True)
class Options:
    """See `tailrace embedded clickhouse --help`."""

    data_dir: Path
    port: int = 8123
    host: str = "127.0.0.1"
    json: bool = False
    die_with_parent: bool = False
    users: Path | None = None
    max_concurrent: int = 32
    queue_wait_s: float = 5.0
    query_memory_bytes: int = 0
    server_memory_bytes: int = 0
    query_s: int = 3600
    skip_log_repair: bool = False

    @property
    def engine_dir(self) -> Path:
        """The folder that the engine owns."""
        return self.data_dir / "engine"

    @property
    def server_memory(self) -> int:
        """In bytes: as said, or 60 % of the machine's."""
        return self.server_memory_bytes or int(psutil.virtual_memory().total * 0.6)

    @property
    def query_memory(self) -> int:
        """In bytes: as said, or half of the server's."""
        return self.query_memory_bytes or self.server_memory // 2


def parse(arguments: Sequence[str] | None = None) -> Options:
    """From a command line; ends the process with a usage text where it is wrong."""
    parser = argparse.ArgumentParser(
        "tailrace embedded clickhouse",
        description="ClickHouse's HTTP interface over one chDB engine.",
        epilog="example: tailrace embedded clickhouse --data-dir .data/clickhouse --port 8123",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of its own; made if missing")
    parser.add_argument(
        "--port", type=int, default=Options.port, help="0 = any free one (said with --json and in the log)"
    )
    parser.add_argument("--host", default=Options.host, help="address to listen on")
    parser.add_argument("--json", action="store_true", help='once ready, one line {"clickhouse": URL} on stdout')
    parser.add_argument(
        "--die-with-parent", action="store_true", help="stop when the process that started this one ends"
    )
    parser.add_argument("--users", type=Path, help="JSON file of logins; without it, user default without a password")
    parser.add_argument("--max-concurrent", type=int, default=Options.max_concurrent, help="queries at a time")
    parser.add_argument("--queue-wait-s", type=float, default=Options.queue_wait_s, help="how long one more may wait")
    parser.add_argument("--query-memory-bytes", type=int, default=0, help="most that one query may take")
    parser.add_argument("--server-memory-bytes", type=int, default=0, help="most that all queries may take")
    parser.add_argument("--query-s", type=int, default=Options.query_s, help="longest time of one query")
    found = vars(parser.parse_args(arguments))
    return Options(**found, skip_log_repair=os.environ.get(SKIP_LOG_REPAIR) == "1")
