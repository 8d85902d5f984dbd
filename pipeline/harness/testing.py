"""For tests alone: points where the process kills itself, batches of random size, and steps left out so that a proof can fail.

All is off unless the environment says otherwise:
`TAILRACE_TEST_CRASH_AT=S2:after,S4:after@3` (the third time), `TAILRACE_TEST_CRASH_P=0.01` (at every point, by `TAILRACE_TEST_SEED`),
`TAILRACE_TEST_RANDOM_BATCH=1`, `TAILRACE_TEST_WITHOUT=S2` (controls that must fail), `TAILRACE_TEST_STOCK_COMMIT=1`.
"""

import os
import random
import signal
from collections import Counter

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

_seed = int(os.environ.get("TAILRACE_TEST_SEED", "0"))
_random = random.Random(_seed)  # noqa: S311 - chooses crashes in tests
_at = {
    name: int(count or 1)
    for name, _, count in (
        part.partition("@") for part in os.environ.get("TAILRACE_TEST_CRASH_AT", "").split(",") if part
    )
}
_chance = float(os.environ.get("TAILRACE_TEST_CRASH_P", "0"))
_random_batch = os.environ.get("TAILRACE_TEST_RANDOM_BATCH") == "1"
_seen: Counter[str] = Counter()
without_intent = os.environ.get("TAILRACE_TEST_WITHOUT") == "S2"
stock_commit = os.environ.get("TAILRACE_TEST_STOCK_COMMIT") == "1"


def point(name: str) -> None:
    """Die here by SIGKILL if a test says so."""
    if not _at and not _chance:
        return
    _seen[name] += 1
    if _at.get(name) == _seen[name] or (_chance and _random.random() < _chance):
        print(f"TAILRACE_TEST crash at {name}", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def batch_records(limit: int) -> int:
    """How many records the next batch may have."""
    return _random.randint(1, limit) if _random_batch else limit
