"""Poison for the exactness proof: what no sender should send, among the good records, each with the letters that it must become.

Promises: by portion, not by chance: each kind comes in every round of portions. Does not mix with the feed's own randomness.
"""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from schemas.topics import SPANS
from tests.support.kafka_admin import produce_compressed

BOMB_BYTES = 30 << 20
BAD_SPANS = 1500
DEEP = 5000


def many_bad() -> bytes:
    """One record of more bad spans than are kept one by one."""
    made = ExportTraceServiceRequest()
    spans = made.resource_spans.add().scope_spans.add().spans
    for _ in range(BAD_SPANS):
        spans.add(name="bad", trace_id=b"short", span_id=b"\x01" * 8)
    return bytes(made.SerializeToString())


RECORDS: tuple[tuple[bytes, dict[str, int]], ...] = (
    (b"\xff\xfe garbage", {"wrong_wire_type": 1}),
    (b"{", {"bad_json": 1}),
    (b'{"batches":[]}', {"bad_json": 1}),
    (b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}", {"too_deep": 1}),
    (b"", {}),
    (b"{}", {}),
    (many_bad(), {"bad_id": BAD_SPANS}),
)
"""(record, letters by reason)."""


def send_bomb(bootstrap: str) -> None:
    """Zeros that a codec makes small; its range is lost and told once."""
    produce_compressed(bootstrap, SPANS, 0, bytes(BOMB_BYTES))


def send_in_transactions(bootstrap: str, committed: bytes, aborted: bytes) -> None:
    """One record that counts and one that was never sent, on one partition, each with its marker."""

    async def send() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="poison")
        await producer.start()
        try:
            await producer.begin_transaction()
            await producer.send_and_wait(SPANS, aborted, partition=1)
            await producer.abort_transaction()
            await producer.begin_transaction()
            await producer.send_and_wait(SPANS, committed, partition=1)
            await producer.commit_transaction()
        finally:
            await producer.stop()

    asyncio.run(send())
