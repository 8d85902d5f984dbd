"""What an operator's hands can do to a Kafka from outside: look at a group's offsets, set or delete them, delete records and topics.

Promises: one short connection a call; raises on every error code. For code without a running event loop.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import CommitFailedError, KafkaError, for_code
from aiokafka.structs import OffsetAndMetadata

from pipeline.kafka.reading import reader, whole
from pipeline.kafka.wire import topic_ids

_DELETE_GROUPS = 42


def committed(bootstrap: str, group: str, topic: str) -> dict[int, tuple[int, str]]:
    """Partition → (offset, metadata); nothing while the broker does not know the group yet."""

    async def ask() -> dict[int, tuple[int, str]]:
        async with _admin(bootstrap) as admin:
            try:
                found = await admin.list_consumer_group_offsets(group)
            except KafkaError as error:
                if not error.retriable:
                    raise
                return {}
        return {tp.partition: (at.offset, at.metadata) for tp, at in found.items() if tp.topic == topic}

    return asyncio.run(ask())


def set_offsets(bootstrap: str, group: str, topic: str, offsets: Mapping[int, int]) -> None:
    """Commit by hand; waits until the group has no members any more."""

    async def commit() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
        await consumer.start()
        try:
            at = {TopicPartition(topic, partition): OffsetAndMetadata(o, "") for partition, o in offsets.items()}
            consumer.assign(list(at))
            async with asyncio.timeout(30):
                while True:
                    try:
                        await consumer.commit(at)
                        return
                    except CommitFailedError:
                        await asyncio.sleep(0.2)
        finally:
            await consumer.stop()

    asyncio.run(commit())


def produce(bootstrap: str, topic: str, partition: int, *values: bytes) -> None:
    """To one partition, in this order; acknowledged when it returns."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
        await producer.start()
        for value in values:
            await producer.send(topic, value, partition=partition)
        await producer.stop()

    asyncio.run(send())


def produce_compressed(bootstrap: str, topic: str, partition: int, value: bytes, codec: str = "zstd") -> None:
    """One record, however large, made small by a codec."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, max_request_size=1 << 30)
        await producer.start()
        try:
            await producer.send_and_wait(topic, value, partition=partition)
        finally:
            await producer.stop()

    asyncio.run(send())


def delete_group(bootstrap: str, group: str) -> None:
    """The group and its offsets; it must have no members."""
    host, _, port = bootstrap.rpartition(":")
    name = group.encode()
    body = struct.pack(">hhih", _DELETE_GROUPS, 0, 1, -1) + struct.pack(">ih", 1, len(name)) + name
    with socket.create_connection((host, int(port)), 10) as connection, connection.makefile("rb") as answers:
        connection.sendall(struct.pack(">i", len(body)) + body)
        (size,) = struct.unpack(">i", answers.read(4))
        (code,) = struct.unpack(">h", answers.read(size)[-2:])
    if code:
        raise for_code(code)(group)


def delete_records(bootstrap: str, topic: str, before: Mapping[int, int]) -> None:
    """As retention would: partition → first offset that stays."""

    async def delete() -> None:
        async with _admin(bootstrap) as admin:
            await admin.delete_records({TopicPartition(topic, p): RecordsToDelete(o) for p, o in before.items()})

    asyncio.run(delete())


def delete_topics(bootstrap: str, *topics: str) -> None:
    """The topics with all that they hold; returns once the broker knows them no more."""

    async def delete() -> None:
        async with _admin(bootstrap) as admin:
            for _, code in (await admin.delete_topics(list(topics))).topic_error_codes:
                if code:
                    raise for_code(code)(topics)
        async with asyncio.timeout(30):
            while await topic_ids(bootstrap, topics):  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.02)

    asyncio.run(delete())


def read_whole(bootstrap: str, topic: str) -> list[Any]:
    """All records of a topic as it stands now."""

    async def read() -> list[Any]:
        async with reader(bootstrap) as consumer:
            return await whole(consumer, topic)

    return asyncio.run(read())


def epoch_of(bootstrap: str, topic: str) -> str:
    """The topic's id."""
    return asyncio.run(topic_ids(bootstrap, [topic]))[topic]


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
