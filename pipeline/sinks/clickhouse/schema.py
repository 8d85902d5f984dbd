"""The schema as files: numbered migrations, the retention statements, and how settings are filled in.

Promises: a file's checksum is of its text before settings are filled in; statements are split where SQL ends, not at
any `;`. Does not talk to a server.
"""

import hashlib
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.resources import files

from pipeline.errors import Misconfigured
from pipeline.settings import Settings
from pipeline.settings.retention import LogRetention, MetricRetention, SpanRetention

_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_VARIABLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_TOKEN = re.compile(r"'(?:\\.|''|[^'\\])*'|`[^`]*`|\"(?:\\.|[^\"\\])*\"|--[^\n]*|/\*.*?\*/|;|[^'`\"/;-]+|.", re.DOTALL)
_TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+)", re.MULTILINE)
_RENAMED = re.compile(r"^RENAME TABLE (\w+) TO \w+", re.MULTILINE)
_MADE = re.compile(r"CREATE (TABLE|MATERIALIZED VIEW) (?:IF NOT EXISTS )?(\w+)")
_DROPPED = re.compile(r"DROP (?:TABLE|VIEW) (?:IF EXISTS )?(\w+)")
_MOVED = re.compile(r"RENAME TABLE (?:IF EXISTS )?(\w+) TO (\w+)")
_TTL = re.compile(r"ALTER TABLE (\w+) MODIFY TTL (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Checksum of the file's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All files in order; Misconfigured where a number is missing or there twice."""
    found = []
    for path in (files("infra") / "clickhouse" / "migrations").iterdir():
        if named := _NAME.fullmatch(path.name):
            found.append(Migration(int(named[1]), named[2], path.read_text(encoding="utf-8")))
    found.sort(key=lambda migration: migration.number)
    if [migration.number for migration in found] != list(range(1, len(found) + 1)):
        numbers = ", ".join(f"{migration.number:04}" for migration in found)
        raise Misconfigured(f"migrations are not numbered 0001, 0002, … (found: {numbers})", "Install Tailrace anew")
    return found


def tables() -> list[str]:
    """Names of all tables that the migrations leave, each once."""
    texts = [migration.text for migration in migrations()]
    renamed = {name for text in texts for name in _RENAMED.findall(text)}
    return [
        name for name in dict.fromkeys(name for text in texts for name in _TABLE.findall(text)) if name not in renamed
    ]


def lost(there: Collection[str], files: Iterable[Migration], to_come: Iterable[Migration] = ()) -> str:
    """The first table or materialized view that these files leave and that is not there, in words.

    Nothing where all are.

    What files that are still to come drop or move may be gone already: one of them may have been interrupted.
    """
    left: dict[str, str] = {}
    for statement in (statement for migration in files for statement in split(migration.text)):
        if made := _MADE.match(statement):
            left[made[2]] = made[1].lower()
        elif dropped := _DROPPED.match(statement):
            left.pop(dropped[1], None)
        elif moved := _MOVED.match(statement):
            left[moved[2]] = left.pop(moved[1], "table")
    for statement in (statement for migration in to_come for statement in split(migration.text)):
        if under_way := _DROPPED.match(statement) or _MOVED.match(statement):
            left.pop(under_way[1], None)
    gone = sorted((name for name in left if name not in there), key=lambda name: left[name] != "table")
    return f"{left[gone[0]]} {gone[0]} is gone" if gone else ""


def ttls(settings: Settings) -> dict[str, str]:
    """Table → TTL expression, with the settings filled in."""
    text = (files("infra") / "clickhouse" / "retention.sql").read_text(encoding="utf-8")
    found = (_TTL.fullmatch(fill(statement, settings)) for statement in split(text))
    return {match[1]: match[2] for match in found if match}


def days_kept(settings: Settings) -> dict[str, int]:
    """Table → how many days one insert may reach back, rounded up: as far as its own rows stay.

    Windows reach back as far as any signal's rows: a late record makes one, however soon that goes again.
    """
    kept = {table: math.ceil(_days(ttl)) for table, ttl in ttls(settings).items()}
    signals = [name for section in (SpanRetention, LogRetention, MetricRetention) for name in section.model_fields]
    oldest = max(int(getattr(settings, name)) for name in signals)
    windows = {table for table, ttl in ttls(settings).items() if ttl.startswith("window_start ")}
    return {table: max(days, oldest) if table in windows else days for table, days in kept.items()}


def _days(ttl: str) -> float:
    """Of an expression of retention.sql."""
    found = re.search(r"toInterval(Hour|Day)\((\d+)\)$", ttl)
    if found is None:
        raise Misconfigured(f"retention.sql holds {ttl!r}, which ends in no hours or days", "Install Tailrace anew")
    return int(found[2]) / (24 if found[1] == "Hour" else 1)


def split(text: str) -> list[str]:
    """Statements of a file, without comments; a `;` inside quotes or a comment ends nothing."""
    statements, current = [], ""
    for piece in _TOKEN.findall(text):
        if piece == ";":
            statements.append(current.strip())
            current = ""
        elif not piece.startswith(("--", "/*")):
            current += piece
    statements.append(current.strip())
    return [statement for statement in statements if statement]


def fill(statement: str, settings: Settings) -> str:
    """The statement with `{name}` replaced; Misconfigured where a name is unknown."""
    values = variables(settings)

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise Misconfigured(f"a migration names {{{match[1]}}}, which is no variable", "Install Tailrace anew")
        return values[match[1]]

    return _VARIABLE.sub(value, statement)


def variables(settings: Settings) -> dict[str, str]:
    """What `{name}` stands for: engines, deduplication, retention."""
    replicated = "Replicated" if settings.clickhouse_replicated else ""
    retention = {name: str(value) for name, value in settings if name.startswith("retain_")}
    return {
        "merge_tree": f"{replicated}MergeTree",
        "aggregating_merge_tree": f"{replicated}AggregatingMergeTree",
        "replacing_merge_tree": f"{replicated}ReplacingMergeTree",
        "deduplication": ", ".join(f"{name} = {value}" for name, value in deduplication(settings).items()),
        **retention,
    }


def deduplication(settings: Settings) -> dict[str, int]:
    """Table settings that keep insert tokens.

    A Replicated table forgets by time too: a week, as long as the topic keeps records.
    """
    if settings.clickhouse_replicated:
        return {
            "replicated_deduplication_window": max(100_000, settings.deduplication_window),
            "replicated_deduplication_window_seconds": 7 * 86_400,
        }
    return {"non_replicated_deduplication_window": settings.deduplication_window}
