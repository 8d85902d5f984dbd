"""Chaos by seed and by plan: kills of workers at each step and at random, of ClickHouse, of Kafka; a stop past the session; a rebalance.

Promises: each event waits until work has gone on since the last one, so that a slow machine proves as much as a fast one.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from pipeline.agents.harness.testing import POINTS
from tests.e2e.exactness.stage import SESSION_S, Stage


class Chaos:
    """`run` until the plan is through (or, for the longer form, the time is up); two workers are kept alive meanwhile."""

    def __init__(self, stage: Stage, topic: str, seed: int, landed: Callable[[], int]) -> None:
        self._stage, self._topic, self._chance, self._landed = stage, topic, random.Random(seed), landed
        self.counts: Counter[str] = Counter()
        points = list(POINTS)
        self._chance.shuffle(points)
        self._points = points
        self._workers = [stage.worker(topic, **self._doomed()), stage.worker(topic, **self._doomed())]
        self._plan: list[Callable[[], None]] = []

    def run(self, at_least_s: float, left: Callable[[], int]) -> None:
        """Play the plan, again and again until the time is up or nothing is left."""
        begun = time.monotonic()
        while True:
            self._plan = [self._kill_clickhouse, self._kill_clickhouse, self._kill_kafka, self._freeze, self._rebalance]
            self._plan += [self._kill_random, self._kill_random]
            self._chance.shuffle(self._plan)
            while self._plan and left() > 0:
                self._go_on()
                self._plan.pop()()
            while self._points and left() > 0:
                self._go_on()
            if left() <= 0 or time.monotonic() - begun >= at_least_s:
                return
            self._points = list(POINTS)

    def calm(self) -> None:
        """No more deaths: two workers that stay."""
        for worker in self._workers:
            worker.kill9()
            worker.start(TAILRACE_TEST_CRASH_AT="")

    def _go_on(self) -> None:
        """Until some more records have landed."""
        before, patience = self._landed(), time.monotonic() + 20
        while self._landed() <= before and time.monotonic() < patience:
            self._revive()
            time.sleep(0.1)

    def _revive(self) -> None:
        for worker in self._workers:
            if worker.dead():
                self.counts["worker at a step"] += 1
                worker.start(**self._doomed())

    def _doomed(self) -> dict[str, str]:
        point = f"{self._points.pop()}@{self._chance.randint(1, 6)}" if self._points else ""
        return {"TAILRACE_TEST_CRASH_AT": point, "TAILRACE_TEST_SEED": str(self._chance.getrandbits(30))}

    def _kill_random(self) -> None:
        time.sleep(self._chance.uniform(0, 0.3))
        worker = self._chance.choice(self._workers)
        worker.kill9()
        worker.start(**self._doomed())
        self.counts["worker at random"] += 1

    def _kill_clickhouse(self) -> None:
        time.sleep(self._chance.uniform(0, 0.3))
        self._stage.clickhouse.restart()
        self.counts["ClickHouse"] += 1

    def _kill_kafka(self) -> None:
        time.sleep(self._chance.uniform(0, 0.3))
        self._stage.kafka.restart()
        self.counts["Kafka"] += 1

    def _freeze(self) -> None:
        worker = self._chance.choice(self._workers)
        worker.signal(signal.SIGSTOP)
        time.sleep(SESSION_S + 1)
        worker.signal(signal.SIGCONT)
        self.counts["frozen past the session"] += 1

    def _rebalance(self) -> None:
        third = self._stage.worker(self._topic)
        self._go_on()
        if not third.dead():
            third.stop()
        self.counts["rebalance"] += 1
