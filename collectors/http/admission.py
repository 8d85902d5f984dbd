"""How much may be under way at once. Plain counting; the event loop is the only thread that uses it.

Promises: what was taken is given back when the request ends, however it ends. Bytes count as they come, a request
counts once its body is whole: half bodies take no place that whole ones need. What is refused here may be sent again
soon.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from collectors.http.errors import Kind, Refused


class Ticket:
    """One request's share; grows as its body does, and becomes a request under way when that is whole."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self.held = 0
        self.entered = False

    def grow(self, count: int) -> None:
        """Take `count` more bytes, or be refused as busy."""
        self._admission.take(count)
        self.held += count

    def enter(self) -> None:
        """The body is whole: count the request, or be refused as busy."""
        self._admission.count_in()
        self.entered = True


class Admission:
    """Counts requests and bytes under way, and refuses beyond the limits.

    `when_full` is called where bytes ran out, so that whoever holds some and sends nothing more can be made to go.
    `why_not` says why nothing at all can be taken in now; empty where it can.
    """

    def __init__(
        self,
        *,
        max_requests: int,
        max_bytes: int,
        when_full: Callable[[], object] = bool,
        why_not: Callable[[], str] = str,
    ) -> None:
        self.requests = 0
        self.bytes = 0
        self.draining = False
        self._max_requests = max_requests
        self._max_bytes = max_bytes
        self._when_full = when_full
        self.why_not = why_not

    @contextmanager
    def coming(self) -> Iterator[Ticket]:
        """A request whose body is still to come."""
        if self.draining:
            raise Refused(Kind.UNAVAILABLE, "the receiver is stopping")
        if why := self.why_not():
            raise Refused(Kind.UNAVAILABLE, why)
        ticket = Ticket(self)
        try:
            yield ticket
        finally:
            self.requests -= ticket.entered
            self.bytes -= ticket.held

    @contextmanager
    def enter(self, count: int = 0) -> Iterator[Ticket]:
        """Let one whole request in, holding `count` bytes."""
        with self.coming() as ticket:
            ticket.enter()
            ticket.grow(count)
            yield ticket

    def count_in(self) -> None:
        """Count one request in; `coming` counts it out."""
        if self.draining:
            raise Refused(Kind.UNAVAILABLE, "the receiver is stopping")
        if self.requests >= self._max_requests:
            raise Refused(Kind.BUSY, f"{self.requests} requests are under way")
        self.requests += 1

    def take(self, count: int) -> None:
        """Count bytes in; `coming` counts them out."""
        if self.bytes + count > self._max_bytes:
            self._when_full()
            raise Refused(Kind.BUSY, f"{self.bytes} bytes are under way")
        self.bytes += count
