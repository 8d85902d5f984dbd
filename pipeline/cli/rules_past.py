"""What rules would have done: sets of rules over the stored windows of the last hours, for `rules explain` and `rules diff`.

Promises: each stored window is read once, however many sets are asked about; says which stretch was there and how long it took. Changes nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from schemas.columns import WINDOW_S

if TYPE_CHECKING:
    from pipeline.alerting.rules import Rule
    from pipeline.rehearsal.past import LookBack, Spell
    from pipeline.sinks.clickhouse.past import Past, StoredPartition
    from schemas.families.base import Family


@dataclass(slots=True)
class Stretch:
    """What there was of one family."""

    family: str
    first_s: int = 0
    """Unix seconds; 0 where nothing is stored."""
    until_s: int = 0
    windows: int = 0
    """Of all partitions, with any series."""
    rows: int = 0
    partitions: int = 0
    read_s: float = 0.0
    judged_s: float = 0.0

    def __str__(self) -> str:
        if not self.rows:
            return f"{self.family}: no windows are stored of that time"
        took = f"read in {self.read_s:.1f} s, judged in {self.judged_s:.1f} s"
        amount = f"{self.windows:,} windows in {self.partitions} partition{'' if self.partitions == 1 else 's'}, {self.rows:,} rows"
        return f"{self.family}: stored from {utc(self.first_s)} to {utc(self.until_s)}: {amount}; {took}"


@dataclass(slots=True)
class Told:
    """What each set of rules would have said."""

    stretches: list[Stretch] = field(default_factory=list)
    spells: list[list[Spell]] = field(default_factory=list)

    @property
    def until_s(self) -> int:
        """End of the last window."""
        return max((one.until_s for one in self.stretches), default=0)


def look_back(sets: Sequence[Sequence[Rule]], families: Mapping[str, Family], last_s: int) -> Told:
    """The sets over the last `last_s` of stored windows. NotNow where the store does not answer."""
    from pipeline.cli.here import here
    from pipeline.clock import now_ms
    from pipeline.rehearsal.past import in_order
    from pipeline.sinks.clickhouse.connection import connect
    from pipeline.sinks.clickhouse.past import Past

    told = Told(spells=[[] for _ in sets])
    settings = here().settings
    until_s = now_ms() // 1000 + WINDOW_S
    client = connect(settings)
    try:
        for name in sorted({rule.family for rules in sets for rule in rules}):
            past = Past(client, families[name], until_s - last_s, until_s)
            stretch = Stretch(name)
            for number, spells in enumerate(_of_family(sets, families[name], past, stretch, settings.alerts_per_rule)):
                told.spells[number] += spells
            told.stretches.append(stretch)
    finally:
        client.close()
    told.spells = [in_order(spells) for spells in told.spells]
    return told


def _of_family(
    sets: Sequence[Sequence[Rule]], family: Family, past: Past, stretch: Stretch, most: int
) -> list[list[Spell]]:
    from pipeline.rehearsal.past import LookBack, columns

    began = time.perf_counter()
    stored = past.partitions()
    expects = any(rule.expected(family) for rules in sets for rule in rules if rule.family == family.name)
    places = past.places() if expects else {}
    stretch.read_s += time.perf_counter() - began
    wanted = columns(family, [rule for rules in sets for rule in rules])
    spells: list[list[Spell]] = [[] for _ in sets]
    for one in stored:
        at = (one.partition, one.epoch)
        backs = [
            LookBack(family, rules, at, alerts_per_rule=most, belongs=_belongs(places, at, stored)) for rules in sets
        ]
        _judge(backs, one, past, (family, wanted), stretch)
        ends = [other.last_s + WINDOW_S for other in stored if other.epoch == one.epoch]
        for number, back in enumerate(backs):
            back.pass_time(max(ends))
            spells[number] += back.spells()
    if stored:
        stretch.first_s = min(one.first_s for one in stored)
        stretch.until_s = max(one.last_s for one in stored) + WINDOW_S
    return spells


def _judge(
    backs: Sequence[LookBack], one: StoredPartition, past: Past, what: tuple[Family, Sequence[str]], stretch: Stretch
) -> None:
    from pipeline.rehearsal.past import windows_of

    family, wanted = what
    stretch.partitions += 1
    began = time.perf_counter()
    for rows in past.windows(one, wanted):
        read = time.perf_counter()
        closed = list(windows_of(rows, family, (one.partition, one.epoch)))
        for back in backs:
            back.take(closed)
        stretch.read_s += read - began
        began = time.perf_counter()
        stretch.judged_s += began - read
        stretch.windows += len(closed)
        stretch.rows += rows.num_rows


def _belongs(
    places: Mapping[tuple[str, ...], tuple[int, str]], at: tuple[int, str], stored: Sequence[StoredPartition]
) -> Callable[..., bool]:
    """A place that was heard is listened for where it was; one that never was, in one partition only."""
    first = (stored[0].partition, stored[0].epoch)
    return lambda *place: places.get(tuple(place), first) == at


def utc(at_s: int) -> str:
    """A time for people."""
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def length(text: str) -> int:
    """A stretch as somebody writes it, `24h`, in seconds; Misconfigured."""
    from pipeline.alerting.rules import seconds
    from pipeline.errors import Misconfigured

    try:
        length_s = int(str(seconds(int(text) if re.fullmatch("[0-9]+", text) else text)))
    except ValueError as error:
        raise Misconfigured(f"--last {text!r} {error}", "Write like 24h or 90m") from None
    if length_s < 10:
        raise Misconfigured("--last is shorter than a window", "Write like 24h or 90m")
    return length_s


def line(spell: Spell, until_s: int) -> str:
    """One alert for people."""
    from pipeline.alerting.words import clock

    end = "still firing" if spell.ended_s is None else f"for {clock(spell.length_s(until_s))}"
    shown = " ".join(f"{key}={value!r}" for key, value in spell.labels.items() if key != "alertname" and value)
    return f"{utc(spell.fired_s)}  {end}  value {spell.value:.4g}  {shown}"


def plain(spell: Spell) -> dict[str, object]:
    """One alert as JSON."""
    value = spell.value if spell.value == spell.value else None
    return {"labels": dict(spell.labels), "fired_s": spell.fired_s, "ended_s": spell.ended_s, "value": value}
