"""The contract between a collector and where its records go.

Promises, of every implementation (tests/contract/publish holds them to it):
- when `publish` returns, the record is durable: acknowledged by all in-sync replicas;
- `Unavailable` says *not now*: the record is either in or not, and sending it again may make a second one;
- `TooLarge` says *never*: the record is not in and will not be;
- `publish` ends within the publisher's deadline, whatever the other side does; many may run at once, and no order is promised;
- after an `Unavailable` the same publisher works again as soon as the other side does;
- `stop` lets what is under way finish (within the deadline), then everything is `Unavailable`.

It doesn't join, split, retry or look into values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Headers = Sequence[tuple[str, bytes]]


class PublishError(Exception):
    """Base of what a publisher raises on purpose."""


class Unavailable(PublishError):  # noqa: N818 - a signal, named by its meaning
    """Not now: network, time-out, no such topic yet, stopped. The same record may be sent again."""


class TooLarge(PublishError):  # noqa: N818
    """Never: the record is larger than the other side takes."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where an acknowledged record lies."""

    topic: str
    partition: int
    offset: int


class Publisher(Protocol):
    """Takes records; see the module's promises."""

    async def start(self) -> None:
        """Connect; `Unavailable` when the deadline passes first. `publish` may be called all the same: it connects by itself."""

    async def publish(self, topic: str, value: bytes, *, key: bytes | None = None, headers: Headers = ()) -> Delivered:
        """Send one record and wait until it is durable."""

    async def ready(self, topics: Sequence[str]) -> bool:
        """Whether all these topics could be published to now; never raises, ends within the deadline."""

    async def stop(self) -> None:
        """Finish what is under way, then close. Safe to repeat."""
