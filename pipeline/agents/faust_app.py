"""The Faust app of a worker: its agents hand what polls give to the harness, and nothing else.

Promises: one agent per topic, concurrency 1, no acks (so Faust commits nothing), no tables, no web; on stop the batches
in hand are finished before the group is left. Does not know what the topics hold.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import faust
from faust.types import StreamT

from pipeline.agents.driver import FencedTransport
from pipeline.agents.group import KafkaGroup
from pipeline.harness.testing import NO_FAULTS, Faults
from pipeline.harness.types import Fetch, Membership
from pipeline.harness.worker import Harness

log = logging.getLogger(__name__)

METADATA_MAX_AGE_MS = 5000
"""A topic made (anew), or one with more partitions, is noticed within this time.

The client's own default is five minutes.
"""


@dataclass(frozen=True, slots=True)
class Connection:
    """How the worker speaks to Kafka."""

    bootstrap: str
    group_id: str
    session_timeout_s: float = 10.0
    fetch_max_bytes: int = 8 << 20
    check_crcs: bool = True
    finish_timeout_s: float = 20.0
    faults: Faults = NO_FAULTS
    """What goes wrong on purpose, in tests."""


class FetchSchema(faust.Schema):  # type: ignore[type-arg]
    """Events carry fetches as they are: nothing to decode, so nothing that Faust could drop as undecodable."""

    def loads_key(self, app: Any, message: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Faust's own signature
        """No key."""
        return None

    def loads_value(self, app: Any, message: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Faust's own signature
        """The fetch."""
        return message.value


class WorkerServices(Protocol):
    """What starts and stops with the app: doors, watchdog, sinks."""

    async def start(self) -> None:
        """Before the group is joined. Misconfigured."""

    async def stop(self) -> None:
        """After the last batch."""

    def reload(self) -> None:
        """Read anew what may change while it runs."""


class TailraceApp(faust.App):
    """A Faust app whose consumer group belongs to the harness."""

    group: KafkaGroup
    harness: Harness
    connection: Connection
    beside: WorkerServices | None = None

    def _new_transport(self) -> Any:  # noqa: ANN401 - Faust's own signature
        transport = FencedTransport(self.conf.broker_consumer, self)
        transport.group = self.group
        return transport

    def _create_directories(self) -> None:
        """None are needed: no tables, no state on disk."""

    async def on_start(self) -> None:
        """Faust's own start, and what runs beside it."""
        if self.beside is not None:
            await self.beside.start()
        await super().on_start()

    async def on_stop(self) -> None:
        """Finish the batches in hand while the group is still ours, then let Faust go on."""
        await self.harness.finish(self.connection.finish_timeout_s)
        await super().on_stop()
        if self.beside is not None:
            await self.beside.stop()


def build(
    connection: Connection,
    topics: Iterable[str],
    make_harness: Callable[[KafkaGroup], Harness],
) -> TailraceApp:
    """The app, not started: an agent for each topic."""
    app = TailraceApp(
        connection.group_id,
        broker=";".join(f"kafka://{server}" for server in connection.bootstrap.split(",")),
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        stream_buffer_maxsize=64,
        stream_recovery_delay=0.0,
        broker_session_timeout=connection.session_timeout_s,
        broker_heartbeat_interval=connection.session_timeout_s / 6,
        broker_request_timeout=connection.session_timeout_s + 5,
        broker_rebalance_timeout=connection.session_timeout_s,
        broker_max_poll_interval=300.0,
        broker_check_crcs=connection.check_crcs,
        consumer_max_fetch_size=connection.fetch_max_bytes,
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        producer_acks=-1,
    )
    app.connection = connection
    app.group = KafkaGroup(*_hooks(app), connection.faults)
    app.harness = make_harness(app.group)
    for topic in topics:
        _register(app, topic)
    return app


def _hooks(app: TailraceApp) -> tuple[Callable[[Membership], None], Callable[[], None]]:
    """Rebalances happen in the consumer's thread; the harness lives on the app's loop."""

    def assigned(membership: Membership) -> None:
        app.loop.call_soon_threadsafe(lambda: app.harness.assigned(membership))

    def revoked() -> None:
        app.loop.call_soon_threadsafe(lambda: app.harness.revoked())

    return assigned, revoked


def _register(app: TailraceApp, topic: str) -> None:
    channel = app.topic(topic, schema=FetchSchema(), acks=False)

    async def deliver(stream: StreamT[Fetch]) -> None:
        async for fetch in stream:
            app.harness.deliver(fetch)

    deliver.__qualname__ = deliver.__name__ = f"deliver_{topic}".replace(".", "_").replace(
        "-", "_"
    )  # an agent's identity
    app.agent(channel, concurrency=1)(deliver)


async def serve(app: TailraceApp, stop: asyncio.Event) -> None:
    """Run until told to stop, which may come while the start still waits for the store.

    The app finishes its batches on the way out.
    """
    told = asyncio.ensure_future(stop.wait())
    for step in (app.start, app.wait_until_stopped):
        task = asyncio.ensure_future(step())
        await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
            break
        task.result()
    told.cancel()
    await app.stop()
