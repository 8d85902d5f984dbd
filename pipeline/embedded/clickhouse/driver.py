"""The part of chdb's interface that is used here, typed. Every call blocks: make them from threads."""

from __future__ import annotations

from typing import Any, Protocol


class Result(Protocol):
    """What a finished query or a fetched piece gives."""

    def bytes(self) -> bytes:
        """In the format asked for."""

    def rows_read(self) -> int:
        """Rows of the answer."""

    def storage_rows_read(self) -> int:
        """Rows read for it."""

    def storage_bytes_read(self) -> int:
        """Bytes read for it."""

    def rows_written(self) -> int:
        """By INSERT SELECT and the like."""

    def bytes_written(self) -> int:
        """The same in bytes."""


class Stream(Protocol):
    """A running select."""

    def fetch(self) -> Result | None:
        """The next piece; None at the end."""

    def cancel(self) -> None:
        """Harmless after the end."""


class Written(Protocol):
    """What an insert wrote, views included."""

    rows_written: int
    bytes_written: int


class Inserter(Protocol):
    """A running insert."""

    def append(self, data: bytes) -> None:
        """Rows, cut anywhere."""

    def finish(self) -> Written:
        """The rest is written; raises what the engine has against it."""

    def cancel(self) -> None:
        """What was not written yet never will be."""


class Connection(Protocol):
    """Settings, current database and temporary tables are its own."""

    _conn: Any

    def query(self, sql: str, format: str = ..., *, params: dict[str, str] = ...) -> Result:
        """Run to the end."""

    def send_query(self, sql: str, format: str = ..., *, params: dict[str, str] = ...) -> Stream:
        """Begin a select."""

    def send_insert(self, sql: str, format: str = ...) -> Inserter:
        """Begin an insert; `sql` has no FORMAT clause."""

    def close(self) -> None:
        """No call may be running."""
