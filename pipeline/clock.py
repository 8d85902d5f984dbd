"""The one module that reads the wall clock. Everything else is told the time as an argument."""

import time


def now_ns() -> int:
    """Wall-clock time: nanoseconds since 1970, UTC."""
    return time.time_ns()


def now_ms() -> int:
    """Wall-clock time: milliseconds since 1970, UTC; the unit of Kafka's timestamps."""
    return time.time_ns() // 1_000_000
