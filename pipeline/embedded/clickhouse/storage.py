"""Errors of an insert after which a deduplication token may stand without its rows."""

from __future__ import annotations

import time
from pathlib import Path

from pipeline.embedded.clickhouse.errors import ClickHouseError
from pipeline.embedded.clickhouse.repair import unfounded

# CANNOT_READ/WRITE_FROM/TO_FILE_DESCRIPTOR, CANNOT_OPEN/CLOSE_FILE, directories, CANNOT_SEEK/TRUNCATE,
# CANNOT_CREATE_DIRECTORY,
# CANNOT_FSYNC, parts that miss files, NOT_ENOUGH_SPACE, CORRUPTED_DATA, AIO, CANNOT_WRITE_TO_FILE, CANNOT_LINK/UNLINK,
# FILE_ALREADY_EXISTS, ATOMIC_RENAME_FAIL, CANNOT_CREATE_FILE, CANNOT_APPEND_TO_FILE, POCO and std exceptions (file
# systems)
_STORAGE = frozenset(
    int(code)
    for code in """74 75 76 77 83 84 87 88 107 172 204 226 227 228 230 231 232 243 246 275 294 424 458 504 521 586 641
    1000 1001 1002""".split()  # noqa: SIM905 - readable
)


_OR_OF_A_CLIENT = frozenset((107, 1001, 1002))
"""FILE_DOESNT_EXIST, STD_EXCEPTION, UNKNOWN_EXCEPTION: of the file system, or of something that one client sent."""
_FILE_SYSTEM = "filesystem::filesystem_error"
_LOOKS_AGAIN = 4
_PAUSE_S = 0.25


def is_storage_failure(error: ClickHouseError, engine_dir: Path) -> bool:
    """The process must then end itself, so that the logs are repaired before the insert is repeated.

    Reads the logs where the code alone does not tell: blocks, for a second or two at most.
    """
    if error.nothing_written or error.code not in _STORAGE:
        return False
    if error.code not in _OR_OF_A_CLIENT or _FILE_SYSTEM in str(error):
        return True
    return _tokens_without_rows(engine_dir)


def _tokens_without_rows(engine_dir: Path) -> bool:
    """Whether a line stands in a log and its part does not come.

    An insert at work writes the one shortly before the other.
    """
    left = unfounded(engine_dir)
    for _ in range(_LOOKS_AGAIN):
        if not left:
            return False
        time.sleep(_PAUSE_S)
        left &= unfounded(engine_dir)
    return bool(left)
