"""Chaos by seed and by plan: kills of workers at each step and at random, of ClickHouse, of Kafka; a stop past the session; a rebalance.

Promises: before each event a portion of records is fed, and the event strikes when part of that portion has landed: so nearly all that is
counted in the end was worked on amid deaths, and a slow machine proves as much as a fast one.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from pipeline.harness.testing import POINTS
from tests.e2e.exactness.stage import SESSION_S, Stage

EVENTS = ("clickhouse", "kafka", "freeze", "rebalance", "random", "clickhouse")
DEATHS = "worker at a step"
RARE = "W"
"""Points of stage 2 are passed once per window and partition only, so one of their first times counts."""


class Feed(Protocol):
    """What the chaos works on."""

    def more(self) -> None:
        """Produce one more portion."""

    def fed(self) -> int:
        """How much was produced so far."""

    def landed(self) -> int:
        """How much of it stands in the store, whatever is doubled."""


class Chaos:
    """`run` until the plan is through (or, for the longer form, the time is up); two workers are kept alive meanwhile."""

    def __init__(
        self,
        stage: Stage,
        topic: str,
        seed: int,
        feed: Feed,
        points: Sequence[str] = POINTS,
        events: Sequence[str] = EVENTS,
    ) -> None:
        self._stage, self._topic, self._chance, self._feed = stage, topic, random.Random(seed), feed
        self._all_points, self._events = points, events
        self.counts: Counter[str] = Counter()
        self.left = 0
        """What had not landed yet when calm began."""
        self.struck: list[int] = []
        """What had not landed yet when each event struck."""
        self._points = self._shuffled(points)
        self._workers = [stage.worker(topic, **self._doomed()), stage.worker(topic, **self._doomed())]
        self._does: dict[str, Callable[[], None]] = {
            "clickhouse": self._kill_clickhouse,
            "kafka": self._kill_kafka,
            "freeze": self._freeze,
            "rebalance": self._rebalance,
            "random": self._kill_random,
        }

    def run(self, at_least_s: float = 0.0) -> None:
        """Play the plan, again and again until the time is up; then two workers that stay."""
        begun = time.monotonic()
        while True:
            for event in self._shuffled(self._events):
                self._go_on()
                self.struck.append(self._feed.fed() - self._feed.landed())
                self._does[event]()
                self.counts[event] += 1
            while self._points:
                self._go_on()
            if time.monotonic() - begun >= at_least_s:
                break
            self._points = self._shuffled(self._all_points)
        self._go_on()
        self.left = self._feed.fed() - self._feed.landed()
        for worker in self._workers:
            worker.kill9()
            worker.start(TAILRACE_TEST_CRASH_AT="")

    def _shuffled(self, names: Sequence[str]) -> list[str]:
        return self._chance.sample(list(names), len(names))

    def _go_on(self) -> None:
        """One more portion, until a part of it has landed."""
        before = self._feed.fed()
        self._feed.more()
        enough = before + (self._feed.fed() - before) // 3
        self._stage.wait(lambda: self._feed.landed() >= enough, 60, self._revive, self._signs)

    def _signs(self) -> object:
        """A slow machine is not a stuck one."""
        return self.counts[DEATHS], self._feed.landed()

    def _revive(self) -> None:
        for worker in self._workers:
            if worker.dead():
                self.counts[DEATHS] += 1
                worker.start(**self._doomed())

    def _doomed(self) -> dict[str, str]:
        seed = str(self._chance.getrandbits(30))
        point = self._points.pop() if self._points else ""
        if point:
            point += f"@{self._chance.randint(1, 2 if point.startswith(RARE) else 4)}"
        return {"TAILRACE_TEST_CRASH_AT": point, "TAILRACE_TEST_SEED": seed}

    def _kill_random(self) -> None:
        time.sleep(self._chance.uniform(0, 0.3))
        worker = self._chance.choice(self._workers)
        worker.kill9()
        worker.start(**self._doomed())

    def _kill_clickhouse(self) -> None:
        time.sleep(self._chance.uniform(0, 0.3))
        self._stage.clickhouse.restart()

    def _kill_kafka(self) -> None:
        time.sleep(self._chance.uniform(0, 0.3))
        self._stage.kafka.restart()

    def _freeze(self) -> None:
        worker = self._chance.choice(self._workers)
        worker.signal(signal.SIGSTOP)
        time.sleep(SESSION_S + 1)
        worker.signal(signal.SIGCONT)

    def _rebalance(self) -> None:
        third = self._stage.worker(self._topic)
        self._go_on()
        if not third.dead():
            third.stop()
