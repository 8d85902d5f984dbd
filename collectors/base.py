"""What a collector is: facts about it, and a service to start and stop.

The framework runs any of them alike (collectors/life.py).

Promises of every service (tests/integration/collectors holds each registered one to them):
- `start` returns with its doors open; Kafka need not be there: until it is, requests are told to come back;
- `ready` says whether requests would be taken now; /live, /ready and /metrics answer on its HTTP door;
- `stop` takes nothing new, and ends within its grace and the publisher's deadline, each request acknowledged or told.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from collectors.publish.base import Publisher
from collectors.settings import CollectorSettings


class Service(Protocol):
    """A running collector."""

    async def start(self) -> None:
        """Open the doors. CannotOpen where an address can't be listened on."""

    def addresses(self) -> dict[str, str]:
        """Where the doors are, host:port, by the names of their settings."""

    async def ready(self) -> bool:
        """Whether requests would be taken now."""

    async def stop(self) -> None:
        """Refuse, finish, close; safe to repeat, and after a `start` that failed halfway."""


@dataclass(frozen=True, slots=True)
class Example:
    """A small request that is taken, for trying a collector out."""

    path: str
    content_type: str
    body: bytes
    mark: bytes
    """What lies on Kafka once for each time that it was taken."""


@dataclass(frozen=True, slots=True)
class Collector:
    """One collector: `tailrace collect NAME`. `service` imports what it needs only when it is called."""

    name: str
    summary: str
    settings: type[CollectorSettings]
    topics: tuple[str, ...]
    http: str
    """The setting of its HTTP door, where /live, /ready and /metrics are."""
    service: Callable[[Any, Publisher], Service]
    """From settings (of the class above) and a publisher, not yet started."""
    example: Callable[[], Example]
