"""Strikes deduplication tokens that have no rows, before the engine opens its folder.

Plain MergeTree records a token before it renames the part into place. Killed (or out of disk) in between, a repeat of
that insert would be answered OK and dropped. A line whose part is in no part's range is therefore taken out; a line cut
short by the kill as well. Files are replaced whole, so that a kill during the repair is harmless too.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_PART = re.compile(r"^(?P<partition>.+?)_(?P<low>\d+)_(?P<high>\d+)_(?P<level>\d+)(?:_\d+)?$")
_TEMPORARY = ("tmp", "delete_tmp")
_ADDED, _DROPPED = "1", "2"


@dataclass(frozen=True, slots=True)
class _Range:
    partition: str
    low: int
    high: int

    def covers(self, other: _Range) -> bool:
        return self.partition == other.partition and self.low <= other.low and other.high <= self.high


def _range(name: str) -> _Range | None:
    part = _PART.match(name)
    return _Range(part["partition"], int(part["low"]), int(part["high"])) if part else None


def _parts(table: Path) -> dict[str, list[_Range]]:
    """The ranges of blocks that are in place, by partition."""
    found: dict[str, list[_Range]] = {}
    for folder in table.iterdir():
        part = _range(folder.name)
        if part is not None and folder.is_dir() and not folder.name.startswith(_TEMPORARY):
            found.setdefault(part.partition, []).append(part)
    return found


def _stands(line: str, parts: dict[str, list[_Range]]) -> bool:
    if not line.endswith("\n") or line.count("\t") < 2:
        return False
    operation, name, _ = line.split("\t", 2)
    part = _range(name)
    if operation != _ADDED or part is None:
        return True
    return any(there.covers(part) for there in parts.get(part.partition, ()))


def _lines(log: Path) -> list[str]:
    return log.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)


def _replace(log: Path, text: str) -> None:
    draft = log.with_name(log.name + ".draft")
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(log)


def repair(engine_dir: Path) -> int:
    """Number of lines struck, over all tables. The engine must not have the folder open."""
    struck = 0
    for logs in sorted(engine_dir.glob("store/*/*/deduplication_logs")):
        parts = _parts(logs.parent)
        for draft in logs.glob("*.draft"):
            draft.unlink()
        for log in sorted(logs.glob("*.txt")):
            lines = _lines(log)
            kept = [line for line in lines if _stands(line, parts)]
            if len(kept) < len(lines):
                struck += len(lines) - len(kept)
                _replace(log, "".join(kept))
    return struck


def unfounded(engine_dir: Path) -> set[tuple[Path, str]]:
    """Lines (with their log) whose part is not there, while the engine works.

    What it took back itself (a part dropped) is left out.
    """
    found: set[tuple[Path, str]] = set()
    for logs in engine_dir.glob("store/*/*/deduplication_logs"):
        lines = [(log, line) for log in sorted(logs.glob("*.txt")) for line in _lines(log)]
        taken_back = {line.split("\t")[1] for _, line in lines if line.startswith(f"{_DROPPED}\t")}
        parts = _parts(logs.parent)
        found.update(
            (log, line)
            for log, line in lines
            if not _stands(line, parts) and taken_back.isdisjoint(line.split("\t")[1:2])
        )
    return found
