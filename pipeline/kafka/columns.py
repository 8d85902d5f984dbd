"""Fetched records as columns: aiokafka fetches, our kernels read the batches.

Promises: what Kafka's own consumers would see, in order: committed records only, sums checked, every compression Kafka knows. One object per
partition and fetch, none per record. What can't be read is told beside what can; nothing that stands on Kafka raises here, and batches are
unpacked in threads, within limits, while heartbeats go on. Does not choose offsets: the fetcher stays aiokafka's (0.14), which is handed answers
without records and given ours in their place.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import UnsupportedVersionError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from pipeline.kafka.record_batches.read import Reading, RecordSet, compressed, read


def warm_reading() -> Reading:
    """A batch of one record: compiles the kernels that read fetches, which would hold up the heartbeat later."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 10,
    )
    builder.append(0, timestamp=0, key=None, value=b"warm-up", headers=[])
    buffer = np.frombuffer(bytes(builder.build()), np.uint8)
    return read(RecordSet("warm-up", 0, 0, [], buffer), check_crcs=True)


class PartitionColumns:
    """Stands where aiokafka has its iterator of a partition's records; gives one item: the `Reading`."""

    def __init__(self, offset: int, reading: Reading) -> None:
        self._reading: Reading | None = reading
        self._after = reading.after
        self.next_fetch_offset = offset

    def __iter__(self) -> Iterator[Reading]:
        return self

    def __next__(self) -> Reading:
        """Also where there is no record: how far was read is worth knowing."""
        reading, self._reading = self._reading, None
        if reading is None:
            raise StopIteration
        self.next_fetch_offset = self._after
        return reading


class ColumnFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, with columns for records."""

    @classmethod
    def take_over(cls, consumer: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        """Of a consumer that has started and not yet subscribed."""
        fetcher = consumer._fetcher
        fetcher.__class__ = cls
        fetcher._doubts = {}
        fetcher._client = _Emptied(fetcher._client)

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:  # noqa: ANN401
        woken: bool = await super()._proc_fetch_request(assignment, node_id, request)
        for records in self._client.taken.pop(id(request), ()):
            if not len(records.buffer):
                continue
            at = TopicPartition(records.topic, records.partition)
            reading = await self._read(records)
            state = assignment.state_value(at) if assignment.active else None
            if state is None or not state.has_valid_position or state.position != records.offset:
                continue
            if at in self._records or self._is_doubtful(at, reading):
                continue
            self._records[at] = FetchResult(
                at,
                partition_records=PartitionColumns(records.offset, reading),
                assignment=assignment,
                backoff=self._prefetch_backoff,
            )
            woken = True
        return woken

    async def _read(self, records: RecordSet) -> Reading:
        if compressed(records):  # takes a while, and heartbeats are due
            return await asyncio.to_thread(read, records, check_crcs=self._check_crcs)
        return read(records, check_crcs=self._check_crcs)

    def _is_doubtful(self, at: TopicPartition, reading: Reading) -> bool:
        """Whether what came is not as the broker took it, and is to be asked for once more: the same twice is believed."""
        before = self._doubts.pop(at, None)
        if reading.doubt is None or reading.doubt == before:
            return False
        self._doubts[at] = reading.doubt
        return True


class _Emptied:
    """aiokafka's client, whose answers to fetches keep all but the records; those are laid aside by request."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        self._client = client
        self.taken: dict[int, list[RecordSet]] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the client has
        return getattr(self._client, name)

    async def send(self, node_id: int, request: Any, **options: Any) -> Any:  # noqa: ANN401 - aiokafka is untyped
        """Send; the records of a fetch are taken out of the answer."""
        response = await self._client.send(node_id, request, **options)
        if isinstance(request, FetchRequest):
            self.taken[id(request)] = _take(request, response)
        return response


def _take(request: Any, response: Any) -> list[RecordSet]:  # noqa: ANN401 - aiokafka is untyped
    if response.API_VERSION < 4:
        raise UnsupportedVersionError("Kafka before 0.11 has no record batches that could be read exactly once")
    asked = {(topic, partition): offset for topic, partitions in request.topics for partition, offset, _ in partitions}
    taken, topics = [], []
    for topic, partitions in response.topics:
        emptied = []
        for partition, error, *rest in partitions:
            aborted = rest[3] if response.API_VERSION >= 5 else rest[2]
            buffer = np.frombuffer(rest[-1] or b"", np.uint8)
            buffer.flags.writeable = False  # as bytes are: kernels are compiled once for both
            taken.append(RecordSet(topic, partition, asked[topic, partition], aborted or [], buffer, rest[0]))
            emptied.append((partition, error, *rest[:-1], b""))
        topics.append((topic, emptied))
    response.topics = topics
    return taken
