"""How many connections there may be (in all, from one address, by the files they take), and which one goes when there are too many.

Promises: a client that sends promptly is served while others hold connections open and say nothing: beyond a limit the
connection that was silent longest gives way, unless it waits for *our* answer. Only where nobody was silent for
`SILENT_S` is the new one turned away. Plain bookkeeping: the caller's clock, no sockets. One event loop uses it.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable

SILENT_S = 0.25


class Connection:
    """One connection; `busy` while it waits for our answer, `patience_s` is the silence after which it may be closed."""

    __slots__ = ("address", "busy", "close", "files", "heard_s", "patience_s")

    def __init__(self, address: str, close: Callable[[], None], heard_s: float, files: int) -> None:
        self.address = address
        self.files = files
        self.close = close
        self.heard_s = heard_s
        self.busy = False
        self.patience_s = SILENT_S


class Connections:
    """All connections of a collector, the one that was silent longest first."""

    def __init__(
        self,
        *,
        max_total: int,
        max_per_address: int,
        clock: Callable[[], float],
        max_files: int = 1 << 30,
    ) -> None:
        self.files = 0
        self.turned_away = 0
        self.closed_for_others = 0
        self._max_total = max_total
        self._max_per_address = max_per_address
        self._max_files = max_files
        self._clock = clock
        self._order: OrderedDict[Connection, None] = OrderedDict()
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._order)

    def admit(self, address: str, close: Callable[[], None], *, files: int = 1) -> Connection | None:
        """A new connection's entry; None = there is no room, close it. May close others, until its `files` fit."""
        while (crowded := self._by_address[address] >= self._max_per_address) or not self._fits(files):
            if not self.make_room(address if crowded else None):
                self.turned_away += 1
                return None
        connection = Connection(address, close, self._clock(), files)
        self._order[connection] = None
        self.files += files
        self._by_address[address] += 1
        return connection

    def _fits(self, files: int) -> bool:
        return len(self._order) < self._max_total and self.files + files <= self._max_files

    def heard(self, connection: Connection) -> None:
        """Bytes came, or went."""
        if connection in self._order:
            connection.heard_s = self._clock()
            self._order.move_to_end(connection)

    def gone(self, connection: Connection) -> None:
        """The connection is closed. Safe to repeat."""
        if connection in self._order:
            del self._order[connection]
            self.files -= connection.files
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def make_room(self, address: str | None = None) -> bool:
        """Close the longest silent connection (of that address); whether there was one."""
        now = self._clock()
        for connection in self._order:
            silent_s = now - connection.heard_s
            if silent_s < SILENT_S:
                return False
            mine = address is None or connection.address == address
            if mine and not connection.busy and silent_s >= connection.patience_s:
                self.closed_for_others += 1
                self.gone(connection)
                connection.close()
                return True
        return False
