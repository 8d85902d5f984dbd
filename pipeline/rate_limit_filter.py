"""A log in which libraries don't drown us: while a server is away, clients say the same many times a second.

Promises: of each message of a noisy library one in `EVERY_S` is shown, with how many were left out; others' are
untouched. Does not change levels.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection

NOISY = ("aiokafka", "faust", "mode", "urllib3", "clickhouse_connect")
SHORT = ("urllib3", "clickhouse_connect")
"""Of these we log what went wrong ourselves: their tracebacks are left out."""
EVERY_S = 10.0


class RateLimitFilter(logging.Filter):
    """For a handler; `noisy` are the loggers that it holds back, by the first part of their names."""

    def __init__(self, noisy: Collection[str] = NOISY) -> None:
        super().__init__()
        self._noisy = noisy
        self._shown_at: dict[tuple[str, str], float] = {}
        self._left_out: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this one is shown."""
        if record.name.partition(".")[0] not in self._noisy or record.levelno >= logging.CRITICAL:
            return True
        key, now = (record.name, str(record.msg)), time.monotonic()
        if now - self._shown_at.get(key, -EVERY_S) < EVERY_S:
            self._left_out[key] += 1
            return False
        self._shown_at[key] = now
        if record.name.partition(".")[0] in SHORT:
            record.exc_info = record.exc_text = None
        if left_out := self._left_out.pop(key, 0):
            record.msg = f"{record.msg} ({left_out} more like it since)"
        return True
