"""Raw bytes and a trivial aggregate: what is produced, and what must stand in the tables."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.e2e.exactness.stage import Stage

TOPIC = "events"


@dataclass(frozen=True)
class Truth:
    """What the tables must say."""

    records: int
    total: int
    dead: int


def values(seed: int, n: int) -> tuple[list[bytes], Truth]:
    """Records, a few of them dead."""
    chance = random.Random(seed)
    made, total, dead = [], 0, 0
    for _ in range(n):
        if chance.random() < 0.01:
            made.append(b"dead")
            dead += 1
            continue
        value = chance.randint(1, 1000)
        total += value
        made.append(b"%d %d" % (chance.randint(0, 30), value))
    return made, Truth(n - dead, total, dead)


class RawFeed:
    """Portions by seed; see `chaos.Feed`."""

    def __init__(self, stage: Stage, seed: int, portion: int) -> None:
        self._stage, self._chance, self._portion = stage, random.Random(seed), portion
        self.truth = Truth(0, 0, 0)

    def more(self) -> None:
        made, more = values(self._chance.getrandbits(30), self._portion)
        self._stage.produce(TOPIC, made)
        truth = self.truth
        self.truth = Truth(truth.records + more.records, truth.total + more.total, truth.dead + more.dead)

    def fed(self) -> int:
        return self.truth.records

    def landed(self) -> int:
        return distinct(self._stage)


def seen(stage: Stage) -> dict[str, tuple[int, int]]:
    """(count, sum) by table."""
    questions = {
        "raw": "SELECT count(), sum(v) FROM tailrace.raw",
        "sums": "SELECT sum(n), sum(s) FROM tailrace.sums",
        "viewed": "SELECT sum(n), sum(s) FROM tailrace.viewed",
    }
    answers = {table: stage.ask(sql).split("\t") for table, sql in questions.items()}
    return {table: (int(count), int(total)) for table, (count, total) in answers.items()}


def distinct(stage: Stage) -> int:
    """Distinct records in `raw`: grows to the truth whatever is doubled."""
    return int(stage.ask("SELECT uniqExact(partition, offset) FROM tailrace.raw"))


def exact(truth: Truth) -> dict[str, tuple[int, int]]:
    """What `seen` must answer."""
    return dict.fromkeys(("raw", "sums", "viewed"), (truth.records, truth.total))
