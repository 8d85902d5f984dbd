"""Where an INSERT's rows go, read from its head: the table, the columns, its SETTINGS clause."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.embedded.clickhouse.tokens import Token, tokens


@dataclass(frozen=True, slots=True)
class Target:
    """As texts of SQL; `columns` without brackets, empty for all."""

    table: str
    columns: str
    settings: str


def _text(head: bytes, parts: list[Token]) -> str:
    return head[parts[0].start : parts[-1].end].decode("utf-8", "surrogateescape") if parts else ""


def target_of(head: bytes) -> Target | None:
    """None where the head is of a kind that is not taken apart (a table function, columns by a matcher)."""
    words = list(tokens(head))[1:]
    if words and words[0].upper == b"INTO":
        words = words[1:]
    if words and words[0].upper == b"TABLE":
        words = words[1:]
    if not words or words[0].upper == b"FUNCTION":
        return None
    end = next((at for at, word in enumerate(words) if word.upper == b"SETTINGS" and at and not word.depth), len(words))
    named, settings = words[:end], words[end:]
    bracket = next((at for at, word in enumerate(named) if word.text == b"("), len(named))
    table, columns = named[:bracket], named[bracket + 1 : -1] if bracket < len(named) else []
    plain = all(word.kind in ("word", "quoted") or word.text in (b",", b".") for word in columns)
    if not table or not plain or (bracket < len(named) and (named[-1].text != b")" or not columns)):
        return None
    if any(word.text == b";" for word in words):
        return None
    return Target(_text(head, table), _text(head, columns), _text(head, settings))
