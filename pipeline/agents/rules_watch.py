"""`RulesWatch`: the rules in force, taken in anew when their files change or somebody asks for it (SIGHUP).

Promises: a set is taken in whole, once its files have stood still for a look, or not at all: where it can't be read the one before stays and `error` says
why, until it can. Files are read in a thread. Judges nothing; who judges looks at `rules()` between windows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline import clock
from pipeline.alerting.in_force import RuleSet, describe
from pipeline.alerting.rules import Rule
from pipeline.detect.rule_files import load_set
from pipeline.errors import TailraceError
from schemas.families.base import Family

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(slots=True)
class RulesWatch:
    """See the module. TailraceError where the first set can't be read."""

    folder: Path | None
    families: Mapping[str, Family]
    look_every_s: float = LOOK_EVERY_S
    error: str = ""
    """Why what the files say now is not in force."""
    in_force: RuleSet = field(init=False)
    _since_ms: int = field(init=False)
    _stamp: Stamp = field(init=False)
    _asked: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._stamp = self._look()
        self.in_force, self._since_ms = load_set(self.folder, self.families), clock.now_ms()

    def rules(self) -> tuple[Rule, ...]:
        """Those in force; the same object as long as they are."""
        return self.in_force.rules

    def about(self) -> dict[str, object]:
        """For /status: `describe`, since when, and what is wrong with what the files say now."""
        since = datetime.fromtimestamp(self._since_ms / 1000, UTC).isoformat(timespec="seconds")
        return {**describe(self.in_force), "since": since, "error": self.error}

    def ask(self) -> None:
        """Read them now, changed or not."""
        self._asked.set()

    async def run(self) -> None:
        """Until cancelled."""
        before = self._stamp
        while True:
            try:
                await asyncio.wait_for(self._asked.wait(), self.look_every_s)
            except TimeoutError:
                now = await asyncio.to_thread(self._look)
                if now != self._stamp and now == before:
                    await self._take(now)
                before = now
            else:
                self._asked.clear()
                await self._take(await asyncio.to_thread(self._look))

    async def _take(self, stamp: Stamp) -> None:
        self._stamp = stamp
        try:
            found = await asyncio.to_thread(load_set, self.folder, self.families)
        except (TailraceError, OSError) as error:
            self.error = str(error)
            log.error("the rules in force stay as they are: %s", error)
            return
        if self.error or found.rules != self.in_force.rules:
            log.info("rules in force: %s", difference(self.in_force, found))
        if found.rules != self.in_force.rules:
            self.in_force, self._since_ms = found, clock.now_ms()
        self.in_force, self.error = RuleSet(self.in_force.rules, found.sources, found.disabled, found.overridden), ""

    def _look(self) -> Stamp:
        """What changes when a file does."""
        if self.folder is None:
            return ()
        try:
            paths = [self.folder, *self.folder.glob("*.y*ml")] if self.folder.is_dir() else [self.folder]
            stats = [(str(path), path.stat()) for path in sorted(paths)]
        except OSError:
            return ()
        return tuple((path, one.st_mtime_ns, one.st_size, one.st_ino) for path, one in stats)


def difference(before: RuleSet, now: RuleSet) -> str:
    """What is new, gone and changed, in words."""
    old, new = ({rule.name: rule for rule in one.rules} for one in (before, now))
    changed = [name for name in new if name in old and new[name] != old[name]]
    told = {"new": set(new) - set(old), "gone": set(old) - set(new), "changed": set(changed)}
    words = [f"{what} {', '.join(sorted(names))}" for what, names in told.items() if names]
    return "; ".join(words) or "as before"
