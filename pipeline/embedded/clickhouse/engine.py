"""The one chDB engine of this process: opened with a locked configuration, reached through threads.

Each request gets a connection of its own (0.1 ms), so settings and temporary tables never mix; the number of running
queries is bounded, and killing and closing have threads of their own. Importing chdb happens in `open_engine`, never at
import.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module, resources
from pathlib import Path
from typing import TypeVar, cast

from pipeline.embedded.clickhouse.check import Rules
from pipeline.embedded.clickhouse.driver import Connection
from pipeline.embedded.clickhouse.errors import ENGINE_ERRORS, ClickHouseError, told
from pipeline.embedded.clickhouse.names import refused_formats, refused_functions
from pipeline.embedded.clickhouse.options import Options
from pipeline.embedded.clickhouse.parameters import quoted

TAG = "tailrace-gateway:"  # begins the log_comment of every query, by which it is found and killed
_FUNCTIONS = (
    "SELECT name FROM system.functions WHERE origin = 'System' UNION ALL SELECT name FROM system.table_functions"
)
_T = TypeVar("_T")


class Engine:
    """Use from one event loop; `run` leads into the threads and turns the engine's errors into ClickHouseError."""

    def __init__(self, options: Options, connect: Callable[[], Connection], keep: Connection) -> None:
        self.options = options
        self._connect = connect
        self._keep = keep
        self._threads = ThreadPoolExecutor(options.max_concurrent + 2, "engine")
        self._control = ThreadPoolExecutor(2, "control")
        self.version = self._text("SELECT version()")
        self.timezone = self._text("SELECT timezone()")
        self.rules = Rules(
            refused_functions(self._text(_FUNCTIONS).split()),
            refused_formats(self._text("SELECT name FROM system.formats").split()),
        )

    def _text(self, sql: str) -> str:
        return self._keep.query(sql, "TSVRaw").bytes().decode().strip()

    async def run(self, call: Callable[..., _T], *arguments: object) -> _T:
        """In a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _translated, call, arguments)

    def connect(self) -> Connection:
        """A new connection; from a thread."""
        return self._connect()

    def later(self, call: Callable[..., object], *arguments: object) -> None:
        """Closing and the like, not waited for."""
        self._control.submit(_quietly, call, arguments)

    def kill(self, query_id: str = "") -> None:
        """Every query of this id (all of ours without one); not waited for."""
        sql = f"KILL QUERY WHERE startsWith(Settings['log_comment'], {quoted(tag(query_id))}) ASYNC"
        self.later(self._on_own_connection, sql)

    def _on_own_connection(self, sql: str) -> None:
        connection = self._connect()
        try:
            connection.query(sql)
        finally:
            connection.close()

    def close(self) -> None:
        """After all queries ended: joins the threads, closes the engine."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._control.shutdown(wait=True)
        self._keep.close()


def tag(query_id: str) -> str:
    """What the log_comment of a query begins with."""
    return f"{TAG}{query_id} " if query_id else TAG


def _translated(call: Callable[..., _T], arguments: tuple[object, ...]) -> _T:
    try:
        return call(*arguments)
    except ClickHouseError:
        raise
    except ENGINE_ERRORS as error:
        raise told(error) from error


def _quietly(call: Callable[..., object], arguments: tuple[object, ...]) -> None:
    with suppress(RuntimeError):
        call(*arguments)


def _configured(options: Options) -> Path:
    infra = Path(str(resources.files("infra"))) / "clickhouse"
    os.environ["TAILRACE_EMBEDDED_CLICKHOUSE_USERS_XML"] = str(infra / "embedded_users.xml")
    os.environ["TAILRACE_EMBEDDED_CLICKHOUSE_SERVER_MEMORY_BYTES"] = str(options.server_memory)
    os.environ["TAILRACE_EMBEDDED_CLICKHOUSE_QUERY_MEMORY_BYTES"] = str(options.query_memory)
    os.environ["TAILRACE_EMBEDDED_CLICKHOUSE_QUERY_S"] = str(options.query_s)
    return infra / "embedded.xml"


def open_engine(options: Options) -> Engine:
    """Open the folder (made if missing); blocks. Once per process: chDB holds one path."""
    # heavy, and must not be loaded by who only asks for --help
    os.environ["TZ"] = "UTC"  # the engine reads it once, when it is loaded: timezone() is UTC whatever the machine's
    connect = cast(Callable[[str], Connection], import_module("chdb").connect)
    path = str(options.engine_dir)
    options.engine_dir.mkdir(parents=True, exist_ok=True)
    keep = connect(f"{path}?config-file={_configured(options)}")
    _plain_default_database(keep, options.engine_dir)
    return Engine(options, lambda: connect(path), keep)


def _plain_default_database(connection: Connection, engine_dir: Path) -> None:
    """The engine lays `default` over the machine's files; put the plain one in its place, as a server has it."""
    connection.query("DETACH DATABASE default")
    metadata = engine_dir / "metadata" / "default.sql"
    if metadata.exists() and not _holds_tables(engine_dir, metadata.read_text()):
        metadata.unlink()  # the engine refuses to attach an empty one ("Cannot find UUID mapping")
    known = metadata.exists()
    connection.query("ATTACH DATABASE default" if known else "CREATE DATABASE default ENGINE = Atomic")


def _holds_tables(engine_dir: Path, metadata: str) -> bool:
    """Whether the database whose metadata this is has any table's definition in the store."""
    found = re.search(r"UUID '([0-9a-f-]{36})'", metadata)
    if found is None:
        return True
    folder = engine_dir / "store" / found[1][:3] / found[1]
    return folder.is_dir() and any(folder.iterdir())
