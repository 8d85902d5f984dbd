"""What a statement may not do, read from its names: before the engine sees it, whoever asks.

Promises: names are compared as the engine reads them, quoted or escaped in any way; what a function is given as a
function, what stands in strings that become SQL (a dictionary's source) and in parameters of type Identifier counts as
well. The engine's own grants (infra/clickhouse/embedded_users.xml) and the confinement of the process stand behind it.
Does not parse the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from pipeline.embedded.clickhouse.errors import ACCESS_DENIED, NOT_IMPLEMENTED, SYNTAX_ERROR, ClickHouseError
from pipeline.embedded.clickhouse.names import is_refused_setting, why
from pipeline.embedded.clickhouse.tokens import Token, tokens

_CLIENT_WORDS = (b"exit", b"quit", b"logout", b"q", rb"\q", b":q")
_HIGHER_ORDER = (b"ARRAY", b"MAP")
_FORMATTING = (b"FORMAT", b"FORMATROW", b"FORMATROWNONEWLINE", b"GROUPFORMAT")
_SOURCE_KINDS = (b"CLICKHOUSE", b"NULL")
_ELSEWHERE = (b"HOST", b"PORT", b"SECURE", b"USER", b"PASSWORD", b"NAME")
_HEAD_WORDS = 12  # `CREATE OR REPLACE TABLE IF NOT EXISTS db.name (` fits
_NESTED = 4  # texts of SQL inside texts of SQL
_PARAMETER = re.compile(rb"[\s`\"]*(.*?)[\s`\"]*", re.DOTALL)


@dataclass(slots=True)
class _Place:
    """A token and what is around it: its neighbours, whose bracket it stands in, and the nearest one that has a name."""

    token: Token
    before: Token | None
    after: Token | None
    caller: bytes = b""
    named_caller: bytes = b""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may not be called or written, in capitals (names.py), and the request's parameters."""

    functions: frozenset[bytes]
    formats: frozenset[bytes]
    values: Mapping[str, str] = field(default_factory=dict)

    def check(self, sql: bytes, words: Sequence[Token]) -> None:
        """Raise for what this interface never runs."""
        bare = sql.strip(b" ;\t\r\n")
        if bare.lower() in _CLIENT_WORDS or bare[:2] == b"??" or bare[:1] in (b"!", b"\\", b"@"):
            raise ClickHouseError(SYNTAX_ERROR, "Syntax error: commands of the client are not SQL.")
        self._check_names(words)
        _check_statement(words)

    def check_text(self, sql: bytes, nested: int = 0) -> None:
        """The same for SQL that stands in a string or in rows of the format Values."""
        self._check_names(list(tokens(sql)), nested)

    def _check_names(self, words: Sequence[Token], nested: int = 0) -> None:
        dictionary = False
        for at, place in enumerate(_places(words)):
            _check_readable(place.token)
            _check_outside(place)
            self._check_function(place, in_head=at < _HEAD_WORDS and _makes(words))
            self._check_format(place)
            dictionary = dictionary or place.token.upper == b"DICTIONARY"
            if dictionary and place.token.upper == b"SOURCE" and place.after is not None and place.after.text == b"(":
                self._check_source(words[at:], nested)
        self._check_parameters(words)
        for name in _settings(words):
            if is_refused_setting(name):
                raise refused_setting(name.decode("utf-8", "replace").lower())

    def _check_function(self, place: _Place, *, in_head: bool) -> None:
        token, before, after = place.token, place.before, place.after
        if token.name not in self.functions or (before is not None and before.text == b"."):
            return
        called = after is not None and after.text == b"("
        if called and in_head and before is not None and before.upper in (b"INTO", b"TABLE", b"EXISTS", b"VIEW"):
            return  # a table of that name, with its columns
        if called or _is_function_argument(place):
            name = token.value.decode("utf-8", "replace")
            hint = "" if called else f"; a column of this name is written with its table (t.{name})"
            raise ClickHouseError(ACCESS_DENIED, f"{name}() is not allowed here: {why(token.name)}{hint}.")

    def _check_format(self, place: _Place) -> None:
        token, before = place.token, place.before
        if before is not None and before.upper == b"FORMAT" and token.kind in ("word", "quoted"):
            self.check_format(token.value)
        if place.caller not in _FORMATTING or before is None or before.text != b"(":
            return
        self.check_format(token.value)
        if place.caller == b"FORMAT" and token.value.upper() == b"VALUES":
            raise ClickHouseError(ACCESS_DENIED, "The table function format() takes no Values here: they may hold SQL.")
        joined = place.after is not None and place.after.text != b","
        if place.caller == b"FORMAT" and joined and token.kind != "string":
            raise ClickHouseError(ACCESS_DENIED, "The first argument of format() must be a plain name or text here.")

    def check_format(self, name: bytes) -> None:
        """Raise for a format that needs a file or an address besides."""
        if name.upper() in self.formats:
            shown = name[:100].decode("utf-8", "replace")
            raise ClickHouseError(
                ACCESS_DENIED, f"The format {shown} is not allowed here: it needs a file or an address."
            )

    def _check_parameters(self, words: Sequence[Token]) -> None:
        given = [
            self.values.get(name.value.decode("utf-8", "replace"), "").encode()
            for brace, name, colon, kind in zip(words, words[1:], words[2:], words[3:], strict=False)
            if brace.text == b"{" and colon.text == b":" and kind.name == b"IDENTIFIER"
        ]
        if words and words[0].upper == b"SET":
            given += [
                value.value
                for name, sign, value in zip(words, words[1:], words[2:], strict=False)
                if sign.text == b"=" and name.name.startswith(b"PARAM_")
            ]
        for text in given:
            plain = _PARAMETER.fullmatch(text)
            if plain is not None and plain[1].upper() in self.functions:
                raise ClickHouseError(ACCESS_DENIED, f"{plain[1].decode()} is not allowed as a name in a parameter.")

    def _check_source(self, words: Sequence[Token], nested: int) -> None:
        """`words` begin with SOURCE: a table of this server or a query that passes as a query of its own would."""
        kind, depth = words[2:3], words[1].depth
        inside = []
        for word in words[2:]:
            if word.text == b")" and word.depth == depth:
                break
            inside.append(word)
        keys = {word.name for word in inside if word.depth == depth + 2}
        if not kind or kind[0].name not in _SOURCE_KINDS or keys & set(_ELSEWHERE) or nested > _NESTED:
            raise ClickHouseError(
                ACCESS_DENIED, "A dictionary's source must be a table of this server (SOURCE(CLICKHOUSE(TABLE ...)))."
            )
        for word in inside:
            if word.kind == "string":
                self.check_text(word.value, nested + 1)


def _places(words: Sequence[Token]) -> Iterator[_Place]:
    callers = [(b"", b"")]
    for before, token, after in zip([None, *words], words, [*words[1:], None], strict=False):
        if token.kind == "mark" and token.text in (b")", b"]", b"}") and len(callers) > 1:
            callers.pop()
        yield _Place(token, before, after, *callers[-1])
        if token.kind == "mark" and token.text in (b"(", b"[", b"{"):
            name = before.name if before is not None and token.text == b"(" else b""
            callers.append((name, name or callers[-1][1]))


def _makes(words: Sequence[Token]) -> bool:
    return bool(words) and words[0].upper in (b"CREATE", b"ATTACH", b"REPLACE", b"INSERT")


def _is_function_argument(place: _Place) -> bool:
    """Whether a bare name stands where a function takes another function: `arrayMap(file, …)`, `* APPLY file`."""
    before, after = place.before, place.after
    if before is not None and before.upper == b"APPLY":
        return True
    whole = before is not None and before.text in (b"(", b",") and (after is None or after.text != b".")
    return whole and place.named_caller.startswith((b"APPLY", *_HIGHER_ORDER))


def _check_readable(token: Token) -> None:
    if token.opens or (token.kind == "mark" and (token.text >= b"\x80" or token.text in (b"\0", b"$"))):
        raise ClickHouseError(
            SYNTAX_ERROR,
            f"Syntax error: failed at position {token.start + 1}: a quote or comment does not end, "
            "or a character stands outside of quotes that is none of ASCII.",
        )


def _check_outside(place: _Place) -> None:
    after = place.after.upper if place.after is not None else b""
    if (place.token.upper, after) in ((b"INTO", b"OUTFILE"), (b"FROM", b"INFILE")):
        raise ClickHouseError(NOT_IMPLEMENTED, f"{after.decode()} is not allowed over HTTP.")


def refused_setting(name: str) -> ClickHouseError:
    """The error for a setting that may not be set."""
    return ClickHouseError(ACCESS_DENIED, f"The setting {name} is not allowed here: it names files, addresses or SQL.")


def _settings(words: Sequence[Token]) -> Iterator[bytes]:
    """Names in SETTINGS clauses and in SET."""
    depths: set[int] = set()
    for before, name, after in zip([None, *words], words, [*words[1:], None], strict=False):
        if before is None:
            continue
        if before.text == b")":
            depths = {depth for depth in depths if depth <= before.depth}
        begins = before.upper == b"SETTINGS" or (before.upper == b"SET" and before is words[0])
        if begins and name.name:
            depths.add(name.depth)
        elif name.depth not in depths or before.text != b",":
            continue
        if after is None or after.text in (b"=", b",", b")", b";") or after.upper == b"FORMAT":
            yield name.name


def _check_statement(words: Sequence[Token]) -> None:
    first = words[0].upper if words else b""
    if first == b"SYSTEM" and {word.upper for word in words} & {b"SHUTDOWN", b"KILL"}:
        raise ClickHouseError(ACCESS_DENIED, "SYSTEM SHUTDOWN and SYSTEM KILL are not allowed over HTTP.")
    if first == b"ATTACH" and any(a.upper == b"FROM" and b.kind == "string" for a, b in pairwise(words)):
        raise ClickHouseError(ACCESS_DENIED, "ATTACH ... FROM a folder is not allowed over HTTP.")
