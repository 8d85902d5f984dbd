"""Kafka's Metadata request, version 12, by hand: it names topics' ids, and aiokafka's own requests stop at version 5.

Promises: one short connection, or one that is kept (`TopicIds`); every read bounded in time and size, one error class for all that can go wrong.
Knows no TLS or login yet, and only this one request. The layout is that of the Kafka protocol guide ("Metadata API (Key: 3)").
"""

import asyncio
import struct
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.errors import NotNow
from pipeline.varint import varint

_API_METADATA, _VERSION = 3, 12
_ANSWER_MAX_BYTES = 64 << 20
_UNKNOWN_TOPIC = 3
_FAILURES = (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError, struct.error)
_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class MetadataError(NotNow):
    """The brokers could not be asked, or their answer is not one: the text says which and why."""


@dataclass(frozen=True)
class TopicMetadata:
    """One topic as the broker knows it; `error` is Kafka's error code, 0 = none."""

    error: int
    topic_id: uuid.UUID
    partitions: int


@dataclass(frozen=True)
class ClusterMetadata:
    """What one broker says of the cluster."""

    brokers: dict[int, str]
    controller: int
    topics: dict[str, TopicMetadata]


async def metadata(bootstrap: str, names: Sequence[str] | None = None, *, timeout_s: float = 10.0) -> ClusterMetadata:
    """Ask the first broker of `bootstrap` (host:port,…) that answers; `names` None = all topics. MetadataError, if none does."""
    seen = []
    for address in bootstrap.split(","):
        try:
            async with asyncio.timeout(timeout_s):
                connection = await _open(address)
                try:
                    return _decode(await _exchange(connection, _encode(names)))
                finally:
                    connection[1].close()
        except _FAILURES as error:
            seen.append(f"{address}: {type(error).__name__} {error}".rstrip())
    raise MetadataError("No broker answered a Metadata request: " + "; ".join(seen))


async def topic_ids(bootstrap: str, names: Sequence[str], *, timeout_s: float = 10.0) -> dict[str, str]:
    """Name → topic id (hex of the UUID, with dashes); it changes when a topic is made anew.

    Topics that don't exist are left out. MetadataError, where the brokers can't say (unreachable, or no ids: Kafka < 2.8).
    """
    if not names:
        return {}
    return _ids((await metadata(bootstrap, names, timeout_s=timeout_s)).topics, names)


class TopicIds:
    """`topic_ids` for who asks again and again: the connection is kept, and made anew where it fails. One question at a time."""

    def __init__(self, bootstrap: str, *, timeout_s: float = 10.0) -> None:
        self._bootstrap, self._timeout_s = bootstrap, timeout_s
        self._kept: _Connection | None = None
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, names: Sequence[str]) -> dict[str, str]:
        """As `topic_ids`; the question is sent after the call, over whichever connection."""
        if not names:
            return {}
        async with self._one_at_a_time:
            return _ids((await self._metadata(names)).topics, names)

    def close(self) -> None:
        """Let the connection go."""
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None

    async def _metadata(self, names: Sequence[str]) -> ClusterMetadata:
        if self._kept is not None:
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._over(self._kept, names)
            except _FAILURES:  # brokers close what is idle, and are started anew
                pass
        seen = []
        for address in self._bootstrap.split(","):
            try:
                async with asyncio.timeout(self._timeout_s):
                    self._kept = await _open(address)
                    return await self._over(self._kept, names)
            except _FAILURES as error:
                seen.append(f"{address}: {type(error).__name__} {error}".rstrip())
        raise MetadataError("No broker answered a Metadata request: " + "; ".join(seen))

    async def _over(self, connection: _Connection, names: Sequence[str]) -> ClusterMetadata:
        """An exchange that did not come to its end leaves an answer behind that would be taken for the next one's: then nothing is kept."""
        try:
            return _decode(await _exchange(connection, _encode(names)))
        except BaseException:
            self.close()
            raise


def _ids(found: Mapping[str, TopicMetadata], names: Sequence[str]) -> dict[str, str]:
    ids = {}
    for name in names:
        topic = found.get(name)
        if topic is None or topic.error == _UNKNOWN_TOPIC:
            continue
        if topic.error != 0:
            raise MetadataError(f"Topic {name}: Kafka's error code {topic.error}")
        if topic.topic_id.int == 0:
            raise MetadataError(f"Topic {name} has no id: the brokers are older than Kafka 2.8")
        ids[name] = str(topic.topic_id)
    return ids


async def _open(address: str) -> _Connection:
    host, _, port = address.strip().rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _exchange(connection: _Connection, request: bytes) -> bytes:
    reader, writer = connection
    writer.write(struct.pack(">i", len(request)) + request)
    await writer.drain()
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    if not 0 < size <= _ANSWER_MAX_BYTES:
        raise ValueError(f"an answer of {size} bytes: not a Kafka broker?")
    return await reader.readexactly(size)


def _encode(names: Sequence[str] | None) -> bytes:
    client = b"tailrace"
    header = struct.pack(">hhih", _API_METADATA, _VERSION, 1, len(client)) + client + b"\0"
    listed = [_topic(name.encode()) for name in names or ()]
    topics = b"\0" if names is None else varint(len(listed) + 1) + b"".join(listed)  # a null array: all topics
    return header + topics + b"\0" + b"\0" + b"\0"  # no topic is made by asking, no authorised operations, no tags


def _topic(name: bytes) -> bytes:
    return bytes(16) + varint(len(name) + 1) + name + b"\0"


class _Reader:
    """Kafka's compact types, read one after another; ValueError at the end of the bytes."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, size: int) -> bytes:
        piece = self._data[self._at : self._at + size]
        if size < 0 or len(piece) < size:
            raise ValueError("the answer is cut short")
        self._at += size
        return piece

    def int16(self) -> int:
        return int.from_bytes(self.take(2), "big", signed=True)

    def int32(self) -> int:
        return int.from_bytes(self.take(4), "big", signed=True)

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 28:
                raise ValueError("a varint without end")

    def string(self) -> str:
        """A nullable string; null reads as empty."""
        return self.take(max(0, self.uvarint() - 1)).decode()

    def count(self) -> int:
        return max(0, self.uvarint() - 1)

    def int32s(self) -> None:
        self.take(4 * self.count())

    def tags(self) -> None:
        for _ in range(self.uvarint()):
            self.uvarint()
            self.take(self.uvarint())


def _decode(data: bytes) -> ClusterMetadata:
    read = _Reader(data)
    if read.int32() != 1:
        raise ValueError("an answer to another request: not a Kafka broker?")
    read.tags()
    read.int32()  # throttle time
    brokers = {}
    for _ in range(read.count()):
        node = read.int32()
        host = read.string()
        brokers[node] = f"{host}:{read.int32()}"
        read.string()  # rack
        read.tags()
    read.string()  # cluster id
    controller = read.int32()
    return ClusterMetadata(brokers, controller, dict(_decode_topic(read) for _ in range(read.count())))


def _decode_topic(read: _Reader) -> tuple[str, TopicMetadata]:
    error = read.int16()
    name = read.string()
    topic_id = uuid.UUID(bytes=read.take(16))
    read.take(1)  # internal?
    partitions = read.count()
    for _ in range(partitions):
        read.take(2 + 4 + 4 + 4)  # error, index, leader, leader epoch
        for _ in range(3):  # replicas, in sync, offline
            read.int32s()
        read.tags()
    read.int32()  # authorised operations
    read.tags()
    return name, TopicMetadata(error, topic_id, partitions)
