"""The broker's clock, as its records tell it: what closes windows while nothing comes. Ours may be an hour off, and a window closed too early loses calls.

Each record's append time is the broker's time a moment before it came here, so broker time is at least that plus the monotonic time since: of what the last
minutes told, the most. Promises: never ahead of the broker, but where its own clock is put back (then for ten minutes at most); goes on while nothing comes.
Does not read a clock: monotonic time is an argument, in seconds.
"""

KEEP_S = 300.0


class BrokerClock:
    """See the module. `through_ms`: broker time that an earlier owner had reached by `at_s`; None: not known."""

    def __init__(self, through_ms: int | None, at_s: float) -> None:
        self._since_s = at_s
        self._ahead_ms: float | None = None if through_ms is None else through_ms - at_s * 1000
        self._before_ms: float | None = self._ahead_ms

    def hear(self, append_ms: int, at_s: float) -> None:
        """A record with this append time came."""
        if append_ms <= 0:
            return
        ahead_ms = append_ms - at_s * 1000
        if at_s - self._since_s >= KEEP_S:
            self._since_s, self._before_ms, self._ahead_ms = at_s, self._ahead_ms, ahead_ms
        elif self._ahead_ms is None or ahead_ms > self._ahead_ms:
            self._ahead_ms = ahead_ms

    def now_ms(self, at_s: float) -> int | None:
        """The broker's time, or a little less; None before anything was heard."""
        known = [ahead_ms for ahead_ms in (self._ahead_ms, self._before_ms) if ahead_ms is not None]
        return int(max(known) + at_s * 1000) if known else None
