"""How much may be under way at once. Plain counting; the event loop is the only thread that uses it.

Promises: what was taken is given back when the request ends, however it ends. What is refused here may be sent again soon.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from collectors.otlp.errors import Kind, Refused


class Ticket:
    """One request's share; grows as its body does."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self.held = 0

    def grow(self, count: int) -> None:
        """Take `count` more bytes, or be refused as busy."""
        self._admission.take(count)
        self.held += count


class Admission:
    """Counts requests and bytes under way, and refuses beyond the limits."""

    def __init__(self, *, max_requests: int, max_bytes: int) -> None:
        self.requests = 0
        self.bytes = 0
        self.draining = False
        self._max_requests = max_requests
        self._max_bytes = max_bytes

    @contextmanager
    def enter(self, count: int = 0) -> Iterator[Ticket]:
        """Let one request in, holding `count` bytes."""
        if self.draining:
            raise Refused(Kind.UNAVAILABLE, "the receiver is stopping")
        if self.requests >= self._max_requests:
            raise Refused(Kind.BUSY, f"{self.requests} requests are under way")
        ticket = Ticket(self)
        self.requests += 1
        try:
            ticket.grow(count)
            yield ticket
        finally:
            self.requests -= 1
            self.bytes -= ticket.held

    def take(self, count: int) -> None:
        """Count bytes in; `Ticket` counts them out."""
        if self.bytes + count > self._max_bytes:
            raise Refused(Kind.BUSY, f"{self.bytes} bytes are under way")
        self.bytes += count
