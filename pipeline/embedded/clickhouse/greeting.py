"""clickhouse-go's first question, answered in the newer Native form that it asks for.

It sends `SELECT displayName(), version(), revision(), timezone()` with client_protocol_version >= 54454 and reads block
info before the block and one byte after each column's type. Told revision 0, it reads plain Native from then on.
"""

from __future__ import annotations

_GREETING = b"SELECT displayName(), version(), revision()"
_BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
NEWER_FORM_SINCE = 54454


def is_greeting(sql: bytes) -> bool:
    """Whether this is that question."""
    return sql.lstrip().startswith(_GREETING)


def with_revision_0(sql: bytes) -> bytes:
    """The question whose answer says revision 0."""
    return sql.replace(b"revision()", b"toUInt32(0)", 1)


def newer_form(native: bytes) -> bytes:
    """One row of columns of String and UInt32 in the form of revision 54454 and up."""
    out, at = _BLOCK_INFO + native[:2], 2
    for _ in range(native[0]):
        start = at
        at += 1 + native[at]
        kind = native[at + 1 : at + 1 + native[at]]
        at += 1 + native[at]
        out += native[start:at] + b"\x00"
        start = at
        at += 1 + native[at] if kind == b"String" else 4
        out += native[start:at]
    return out
