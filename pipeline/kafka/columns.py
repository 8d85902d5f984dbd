"""Fetched records as columns: aiokafka fetches, our kernels read the batches.

Promises: what Kafka's own consumers would see, in order: committed records only, sums checked, every compression Kafka knows. One object per
partition and fetch, none per record. Does not choose offsets: the fetcher stays aiokafka's (0.14), which is handed answers without
records and given ours in their place.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from aiokafka import TopicPartition
from aiokafka.codec import gzip_decode, lz4_decode, snappy_decode, zstd_decode
from aiokafka.consumer.fetcher import Fetcher, FetchResult
from aiokafka.errors import CorruptRecordException, UnsupportedVersionError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from cramjam import DecompressionError

from pipeline.kafka.record_batches.read import Columns, CorruptBatchError, OldFormatError, RecordSet, read


def _strict(decode: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """One kind of complaint for all of them."""

    def unpack(body: bytes) -> bytes:
        try:
            return decode(body)
        except (DecompressionError, OSError, EOFError, zlib.error, struct.error) as error:
            raise ValueError(repr(error)) from error

    return unpack


DECODERS = {1: _strict(gzip_decode), 2: _strict(snappy_decode), 3: _strict(lz4_decode), 4: _strict(zstd_decode)}
"""By number in a batch's attributes."""


def warm_reading() -> Columns:
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
    return read(RecordSet("warm-up", 0, 0, [], buffer), DECODERS, check_crcs=True)[0]


class PartitionColumns:
    """Stands where aiokafka has its iterator of a partition's records; gives one item: the `Columns`."""

    def __init__(self, records: RecordSet, *, check_crcs: bool) -> None:
        self._records: RecordSet | None = records
        self._check_crcs = check_crcs
        self.next_fetch_offset = records.offset

    def __iter__(self) -> Iterator[Columns]:
        return self

    def __next__(self) -> Columns:
        """CorruptRecordException: the fetch is asked for again."""
        records, self._records = self._records, None
        if records is None:
            raise StopIteration
        try:
            columns, self.next_fetch_offset = read(records, DECODERS, check_crcs=self._check_crcs)
        except CorruptBatchError as error:
            raise CorruptRecordException(str(error)) from error
        except OldFormatError as error:
            raise UnsupportedVersionError(str(error)) from error
        if not len(columns.offsets):
            raise StopIteration
        return columns


class ColumnFetcher(Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, with columns for records."""

    @classmethod
    def take_over(cls, consumer: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        """Of a consumer that has started and not yet subscribed."""
        fetcher = consumer._fetcher
        fetcher.__class__ = cls
        fetcher._client = _Emptied(fetcher._client)

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:  # noqa: ANN401
        woken: bool = await super()._proc_fetch_request(assignment, node_id, request)
        for records in self._client.taken.pop(id(request), ()):
            at = TopicPartition(records.topic, records.partition)
            state = assignment.state_value(at) if assignment.active else None
            if state is None or not state.has_valid_position or state.position != records.offset:
                continue
            if not len(records.buffer) or at in self._records:
                continue
            self._records[at] = FetchResult(
                at,
                partition_records=PartitionColumns(records, check_crcs=self._check_crcs),
                assignment=assignment,
                backoff=self._prefetch_backoff,
            )
            woken = True
        return woken


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
            taken.append(RecordSet(topic, partition, asked[topic, partition], aborted or [], buffer))
            emptied.append((partition, error, *rest[:-1], b""))
        topics.append((topic, emptied))
    response.topics = topics
    return taken
