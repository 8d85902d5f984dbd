"""Faust's aiokafka transport, changed in four things.

No commits, whole polls as one event, positions from the harness, records as columns.

Promises: read_committed; no automatic offset (`auto_offset_reset=none`); one poll of a partition is one event whose
value is a `Fetch`; Faust's own commits and seeks do nothing. Everything else is Faust's. Pinned to faust-streaming
0.15.3.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, ClassVar, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from faust.transport.consumer import RecordMap
from faust.transport.drivers.aiokafka import (
    AIOKafkaConsumerThread,
    Consumer,
    ConsumerRebalanceListener,
    Transport,
    server_list,
)
from faust.types import TP, ConsumerMessage

from pipeline.agents.group import KafkaGroup
from pipeline.harness.types import Fetch
from pipeline.kafka.columns import ColumnFetcher
from pipeline.kafka.frames import use_frames

log = logging.getLogger(__name__)


class FencedListener(ConsumerRebalanceListener):
    """Tells the group of every rebalance before Faust hears of it."""

    def on_partitions_revoked(self, revoked: Iterable[Any]) -> Any:  # noqa: ANN401 - Faust's own signature
        """Synchronous part first: from here on nothing may be sent for the old generation."""
        _group(self._thread).revoked()
        return super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """The group takes its fence's values while they are those of this very join."""
        _group(self._thread).assigned()
        await super().on_partitions_assigned(assigned)


class FencedThread(AIOKafkaConsumerThread):
    """The consumer's thread, with a client of our making."""

    async def on_start(self) -> None:
        """Start the client and hand it to the group."""
        self._consumer = self._create_consumer(loop=self.thread_loop)
        _group(self).attach(self._consumer, self.thread_loop)
        self.time_started = asyncio.get_running_loop().time()
        use_frames(self._consumer._client)
        await self._consumer.start()
        ColumnFetcher.take_over(self._consumer)

    def _create_worker_consumer(self, transport: Any) -> Any:  # noqa: ANN401 - aiokafka is untyped
        conf = self.app.conf
        self._assignor = RoundRobinPartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            bootstrap_servers=server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            check_crcs=conf.broker_check_crcs,
            max_poll_records=None,
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            # Each answer costs the same Python whatever is in it: fed live, one a record, that was half of a worker.
            # What one partition
            # may give must be well above what an answer waits for, or a single busy one would wait each time.
            fetch_max_wait_ms=200,
            fetch_min_bytes=conf.consumer_max_fetch_size // 2,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            max_poll_interval_ms=int((conf.broker_max_poll_interval or 300) * 1000),
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
        )

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commits are the harness's."""
        return True

    async def _fetch_records(
        self,
        consumer: Any,  # noqa: ANN401 - aiokafka is untyped
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - Faust's own signature
        max_records: int | None = None,
    ) -> RecordMap:
        """A poll; positions that Kafka doesn't know end the membership, so that they are looked into afresh."""
        group = _group(self)
        try:
            records = await super()._fetch_records(consumer, cast(set[TP], None), timeout, max_records)
        except NoOffsetForPartitionError:
            return {}  # before the harness has sought
        except OffsetOutOfRangeError as error:
            await group.give_up(f"an offset is out of the log's range: {error}")
            return {}
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("poll failed, again: %r", error)
            await asyncio.sleep(0.1)
            return {}
        return {
            TP(*fetch.partition): [fetch] for fetch in group.fetched(cast(dict[TopicPartition, list[Any]], records))
        }


class FencedConsumer(Consumer):
    """Faust's consumer without commits and seeks of its own."""

    RebalanceListener: ClassVar[type[ConsumerRebalanceListener]] = FencedListener

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return FencedThread(self, loop=self.loop, beacon=self.beacon)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return True

    async def perform_seek(self) -> None:
        """Positions are the harness's."""

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109 - Faust's own signature
        """One event per partition and poll.

        What is not delivered here is missed by the harness, which seeks back for it.
        """
        records, _ = await self._wait_next_records(timeout)
        if records is None or self.should_stop:
            return
        for tp, fetches in records.items():
            if not self.flow_active:
                return
            for fetch in fetches:
                self._read_offset[tp] = None  # Faust would drop what lies below; the harness judges positions itself
                yield tp, self._event(tp, fetch)

    def _event(self, tp: TP, fetch: Fetch) -> ConsumerMessage:
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            fetch.start,
            0.0,
            0,
            [],
            None,
            cast(bytes, fetch),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )


class FencedTransport(Transport):
    """The transport of a Tailrace app."""

    Consumer = FencedConsumer
    group: KafkaGroup


def _group(thread: AIOKafkaConsumerThread) -> KafkaGroup:
    return cast(FencedTransport, thread.transport).group
