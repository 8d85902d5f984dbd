"""What ClickHouse's errors mean to us: repeat, give up, or call a human.

Promises: every error of the driver becomes one of ours; no URL, user or password in its text. Unknown codes are NotNow:
the data may be sound.
"""

import re
from collections.abc import Iterator

from clickhouse_connect.driver.exceptions import ClickHouseError, Error

from pipeline.errors import Misconfigured, Never, NotNow, TailraceError

TOO_MANY_PARTS = 252
"""Two meanings under one code: the table has too many parts (wait), or one block spans too many partitions (never)."""

MEMORY_LIMIT_EXCEEDED = 241
UNKNOWN_DATABASE = 81

NEVER = {
    6: "cannot_parse",
    8: "no_such_column",
    10: "no_such_column",
    15: "duplicate_column",
    16: "no_such_column",
    20: "column_count",
    26: "cannot_parse",
    27: "cannot_parse",
    33: "truncated_block",
    36: "bad_arguments",
    43: "type_mismatch",
    44: "illegal_column",
    47: "unknown_identifier",
    50: "unknown_type",
    53: "type_mismatch",
    62: "syntax",
    69: "out_of_bound",
    70: "type_mismatch",
    72: "cannot_parse",
    115: "unknown_setting",
    117: "incorrect_data",
    128: "too_large_array",
    131: "too_large_string",
    190: "array_sizes",
    349: "null_in_not_null",
    469: "constraint",
}
"""Codes that come again however often one repeats, with our reason."""

CURES = {
    60: "Run `tailrace migrate`",
    UNKNOWN_DATABASE: "Run `tailrace migrate`, or correct the name in TAILRACE_CLICKHOUSE_URL",
    164: "Give TAILRACE_CLICKHOUSE_USER the right to write, or name another user",
    192: "Set TAILRACE_CLICKHOUSE_USER and TAILRACE_CLICKHOUSE_PASSWORD (or put them into TAILRACE_CLICKHOUSE_URL)",
    193: "Set TAILRACE_CLICKHOUSE_USER and TAILRACE_CLICKHOUSE_PASSWORD (or put them into TAILRACE_CLICKHOUSE_URL)",
    194: "Set TAILRACE_CLICKHOUSE_USER and TAILRACE_CLICKHOUSE_PASSWORD (or put them into TAILRACE_CLICKHOUSE_URL)",
    195: "Let this address in (the user's networks in ClickHouse), or name another user",
    497: "Grant this user what it lacks: SELECT and INSERT on the database; for `tailrace migrate` CREATE, ALTER, CREATE FUNCTION "
    "too (of a store that `tailrace up` runs: `tailrace doctor --show-secrets` shows users that may)",
    516: "Set TAILRACE_CLICKHOUSE_USER and TAILRACE_CLICKHOUSE_PASSWORD (or put them into TAILRACE_CLICKHOUSE_URL)",
}
"""Codes that are about the installation, not the data, with their cure."""

_CODE = re.compile(r"\bcode: (\d+)", re.IGNORECASE)
_URL = re.compile(r"\(?(?:for url )?https?://[^\s)]+\)?")


class MemoryLimit(NotNow):
    """The server has no memory for it now; pipeline.sinks.clickhouse.patience says for how long that is waited for."""


def translate(error: ClickHouseError, doing: str) -> TailraceError:
    """Our error for the driver's; `doing` says in words what was tried."""
    code = code_of(error)
    text = f"ClickHouse, {doing}: {_safe(error)}"
    if code == TOO_MANY_PARTS and "partitions for single INSERT block" in str(error):
        return Never("too_many_partitions", text)
    if code in CURES:
        return Misconfigured(text, CURES[code])
    if code in NEVER:
        return Never(NEVER[code], text)
    return MemoryLimit(text) if code == MEMORY_LIMIT_EXCEEDED else NotNow(text)


def code_of(error: ClickHouseError) -> int:
    """ClickHouse's number of the error; 0 where there is none."""
    if isinstance(error, Error) and error.code:
        return int(error.code)
    found = _CODE.search(str(error))
    return int(found[1]) if found else 0


def _safe(error: ClickHouseError) -> str:
    """The first 500 characters, without addresses: a URL may hold a password.

    With what the system said, where nobody answered.
    """
    return (_URL.sub("", str(error)).strip() + _reason(error))[:500]


def _reason(error: BaseException) -> str:
    """Of the errors beneath, the operating system's own words."""
    beneath: BaseException | None = error
    while beneath is not None:
        if isinstance(beneath, OSError) and beneath.strerror:
            return f" ({beneath.strerror})"
        beneath = beneath.__cause__ or beneath.__context__ or next(_held(beneath), None)
    return ""


def _held(error: BaseException) -> Iterator[BaseException]:
    """urllib3 hands its errors on as arguments."""
    return (value for value in (getattr(error, "reason", None), *error.args) if isinstance(value, BaseException))
