"""Errors of an insert after which a deduplication token may stand without its rows."""

from __future__ import annotations

from pipeline.embedded.clickhouse.errors import ClickHouseError

# CANNOT_READ/WRITE_FROM/TO_FILE_DESCRIPTOR, CANNOT_OPEN/CLOSE_FILE, directories, CANNOT_SEEK/TRUNCATE, CANNOT_CREATE_DIRECTORY,
# CANNOT_FSYNC, parts that miss files, NOT_ENOUGH_SPACE, CORRUPTED_DATA, AIO, CANNOT_WRITE_TO_FILE, CANNOT_LINK/UNLINK,
# FILE_ALREADY_EXISTS, ATOMIC_RENAME_FAIL, CANNOT_CREATE_FILE, CANNOT_APPEND_TO_FILE, POCO and std exceptions (file systems)
_STORAGE = frozenset(
    int(code)
    for code in """74 75 76 77 83 84 87 88 107 172 204 226 227 228 230 231 232 243 246 275 294 424 458 504 521 586 641
    1000 1001 1002""".split()  # noqa: SIM905 - readable
)


def is_storage_failure(error: ClickHouseError) -> bool:
    """The process must then end itself, so that the logs are repaired before the insert is repeated."""
    return error.code in _STORAGE
