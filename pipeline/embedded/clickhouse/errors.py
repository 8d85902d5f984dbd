"""ClickHouse's errors: a code, a name, a text, and the HTTP status that a server answers with.

The statuses follow ClickHouse's own table (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp); 202, too many queries, is
answered 503 so that clients wait and repeat.
"""

from __future__ import annotations

import re

from pipeline.errors import TailraceError

SYNTAX_ERROR = (62, "SYNTAX_ERROR")
BAD_ARGUMENTS = (36, "BAD_ARGUMENTS")
NOT_IMPLEMENTED = (48, "NOT_IMPLEMENTED")
READONLY = (164, "READONLY")
TOO_MANY_SIMULTANEOUS_QUERIES = (202, "TOO_MANY_SIMULTANEOUS_QUERIES")
QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING = (216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING")
SESSION_NOT_FOUND = (372, "SESSION_NOT_FOUND")
SESSION_IS_LOCKED = (373, "SESSION_IS_LOCKED")
UNKNOWN_COMPRESSION_METHOD = (89, "UNKNOWN_COMPRESSION_METHOD")
CANNOT_DECOMPRESS = (271, "CANNOT_DECOMPRESS")
CHECKSUM_DOESNT_MATCH = (40, "CHECKSUM_DOESNT_MATCH")
ACCESS_DENIED = (497, "ACCESS_DENIED")
AUTHENTICATION_FAILED = (516, "AUTHENTICATION_FAILED")
QUERY_IS_TOO_LARGE = (229, "QUERY_IS_TOO_LARGE")
BAD_REQUEST_PARAMETER = (36, "BAD_ARGUMENTS")
UNKNOWN_SETTING = (115, "UNKNOWN_SETTING")
INVALID_SESSION_TIMEOUT = (374, "INVALID_SESSION_TIMEOUT")
ABORTED = (236, "ABORTED")

_STATUSES = {
    400: (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 202, 209, 439),
}
STATUS = {code: status for status, codes in _STATUSES.items() for code in codes}

ENGINE_ERRORS = (RuntimeError, UnicodeDecodeError)
"""What calls into the engine raise: chdb's own error is a RuntimeError, as is the plain one that it raises as well."""

_CODE = re.compile(r"Code: (\d+)\. ")
_NAME = re.compile(r"\(([A-Z][A-Z0-9_]+)\)(?:\s*\(version [^)]*\))?\s*$")


class ClickHouseError(TailraceError):
    """An error as ClickHouse gives it; `text` is the whole line that clients parse."""

    nothing_written = False
    """Of an insert: it failed while its rows were read, before anything was put into place."""

    def __init__(self, code_and_name: tuple[int, str], message: str) -> None:
        super().__init__(message)
        self.code, self.name = code_and_name

    @property
    def status(self) -> int:
        """HTTP status."""
        return STATUS.get(self.code, 500)

    def text(self, version: str) -> str:
        """`Code: 62. DB::Exception: … (SYNTAX_ERROR) (version 26.9.2.1)`."""
        return f"Code: {self.code}. DB::Exception: {self} ({self.name}) (version {version} (embedded in Tailrace))"


def parse(text: str) -> ClickHouseError:
    """From the engine's text; what has no code becomes 1002, UNKNOWN_EXCEPTION."""
    begin = _CODE.search(text)
    if begin is None:
        return ClickHouseError((1002, "UNKNOWN_EXCEPTION"), text.strip())
    message = text[begin.end() :].strip().removeprefix("DB::Exception: ")
    name = _NAME.search(message)
    if name is not None:
        message = message[: name.start()].rstrip()
    return ClickHouseError((int(begin[1]), name[1] if name else "UNKNOWN_EXCEPTION"), message)


def told(error: Exception) -> ClickHouseError:
    """From what the engine raised.

    Where its text holds bytes that are no UTF-8, the driver fails over them and hides text and code.
    """
    beneath: BaseException | None = error
    while beneath is not None:
        if isinstance(beneath, UnicodeDecodeError):
            return parse(beneath.object.decode("utf-8", "replace"))
        beneath = beneath.__cause__ or beneath.__context__
    return parse(str(error))
