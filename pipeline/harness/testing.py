"""For tests alone: points where the process kills itself, batches of random size, steps left out so that a proof can fail.

`NO_FAULTS` does nothing. A worker takes what its environment says, once, when it is built (`faults_of`):
`TAILRACE_TEST_CRASH_AT=S2:after,S4:after@3` (the third time), `TAILRACE_TEST_CRASH_P=0.01` (at every point, by
`TAILRACE_TEST_SEED`),
`TAILRACE_TEST_RANDOM_BATCH=1`, `TAILRACE_TEST_WITHOUT=S2` (controls that must fail), `TAILRACE_TEST_STOCK_COMMIT=1`.
"""

import os
import random
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

POINTS = (
    "S1:after",
    "S2:before",
    "S2:after",
    "S3:after",
    "S4:between",
    "S4:after",
    "S5:after",
    "S6:before",
    "S6:after",
    "progress:after",
)
"""Every crash point, in the order in which a batch passes them."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong on purpose."""

    crash_at: Mapping[str, int] = field(default_factory=dict)
    """Point → which time it is passed, from 1."""
    crash_share: float = 0.0
    """Of all passes of all points."""
    random_batch: bool = False
    without_intent: bool = False
    stock_commit: bool = False
    chance: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - chooses crashes in tests
    _passed: Counter[str] = field(default_factory=Counter)

    def point(self, name: str) -> None:
        """Die here by SIGKILL if a test says so."""
        if not self.crash_at and not self.crash_share:
            return
        self._passed[name] += 1
        if self.crash_at.get(name) == self._passed[name] or (
            self.crash_share and self.chance.random() < self.crash_share
        ):
            print(f"TAILRACE_TEST crash at {name}", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    def batch_records(self, limit: int) -> int:
        """How many records the next batch may have."""
        return self.chance.randint(1, limit) if self.random_batch else limit


NO_FAULTS = Faults()


def faults_of(environment: Mapping[str, str]) -> Faults:
    """The faults that an environment asks for."""
    parts = (part.partition("@") for part in environment.get("TAILRACE_TEST_CRASH_AT", "").split(",") if part)
    return Faults(
        crash_at={name: int(count or 1) for name, _, count in parts},
        crash_share=float(environment.get("TAILRACE_TEST_CRASH_P", "0")),
        random_batch=environment.get("TAILRACE_TEST_RANDOM_BATCH") == "1",
        without_intent=environment.get("TAILRACE_TEST_WITHOUT") == "S2",
        stock_commit=environment.get("TAILRACE_TEST_STOCK_COMMIT") == "1",
        chance=random.Random(int(environment.get("TAILRACE_TEST_SEED", "0"))),  # noqa: S311 - as above
    )
