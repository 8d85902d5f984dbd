"""The OTLP receiver in this process over the memory publisher, and raw clients of both of its doors."""

import asyncio
import io
import time
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import grpc
import orjson
from google.protobuf import json_format
from multidict import CIMultiDictProxy
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)

from collectors.otlp.config import OtlpSettings
from collectors.otlp.service import Receiver
from collectors.otlp.signals import TRACES, Signal
from collectors.publish.memory import MemoryPublisher

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}


@asynccontextmanager
async def receiver(publisher: MemoryPublisher | None = None, **settings: object) -> AsyncIterator[Receiver]:
    base: dict[str, object] = {"otlp_http": "127.0.0.1:0", "otlp_grpc": "127.0.0.1:0", "otlp_linger_ms": 5}
    publisher = publisher or MemoryPublisher()
    await publisher.start()
    running = Receiver(OtlpSettings.model_validate(base | settings), publisher)
    await running.start()
    try:
        yield running
    finally:
        publisher.release()
        await running.stop()


async def under_way(running: Receiver, count: int) -> None:
    while running.delivery.admission.requests < count:  # noqa: ASYNC110 - the receiver tells nobody that it waits
        await asyncio.sleep(0.01)


def stored(running: Receiver, signal: Signal = TRACES) -> list[bytes]:
    assert isinstance(running.publisher, MemoryPublisher)
    return running.publisher.values(signal.topic)


def request(names: list[str], service: str = "shop") -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    entry = made.resource_spans.add()
    attribute = entry.resource.attributes.add(key="service.name")
    attribute.value.string_value = service
    for name in names:
        entry.scope_spans.add().spans.add(
            name=name, trace_id=bytes(15) + b"\1", span_id=bytes(7) + b"\1", end_time_unix_nano=time.time_ns()
        )
    return made


def as_json_request(made: ExportTraceServiceRequest) -> bytes:
    """OTLP's JSON: protobuf's, but ids in hex."""
    document = json_format.MessageToDict(made)
    for entry in document["resourceSpans"]:
        for group in entry["scopeSpans"]:
            for span in group["spans"]:
                span["traceId"], span["spanId"] = (b64decode(span[name]).hex() for name in ("traceId", "spanId"))
    return orjson.dumps(document)


def names_of(records: list[bytes]) -> list[str]:
    parsed = ExportTraceServiceRequest.FromString(b"".join(records))
    spans = [span for entry in parsed.resource_spans for group in entry.scope_spans for span in group.spans]
    return sorted(span.name for span in spans)


async def post(
    running: Receiver, body: bytes, headers: dict[str, str], path: str = "/v1/traces"
) -> tuple[int, bytes, "CIMultiDictProxy[str]"]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{running.http_address}{path}", data=io.BytesIO(body), headers=headers) as response,
    ):
        return response.status, await response.read(), response.headers


async def call(
    running: Receiver,
    body: bytes,
    signal: Signal = TRACES,
    *,
    compression: grpc.Compression | None = None,
    metadata: tuple[tuple[str, str], ...] = (),
) -> bytes:
    async with grpc.aio.insecure_channel(running.grpc_address) as channel:
        export = channel.unary_unary(f"/{signal.service}/Export", bytes, bytes)
        answer: bytes = await export(body, compression=compression, metadata=metadata)
        return answer
