"""The OpenTelemetry Collector against all our doors, with its defaults. Run by `make test-peers`, which builds it."""

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from collectors.otlp.signals import TOPICS, TRACES
from tests.support.clickhouse import ClickHouseProcess
from tests.support.kafka import KafkaProcess, create_topics

ROOT = Path(__file__).parents[2]
COLLECTOR = ROOT / ".cache/peers/collector/otelcol-peer"
CONFIGS = ROOT / "benchmarks/peers"
SPANS = 2000

pytestmark = pytest.mark.skipif(not COLLECTOR.exists(), reason="the Collector is not built; use `make test-peers`")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    with KafkaProcess() as process:
        process.start(tmp_path_factory.mktemp("kafka"))
        create_topics(process.bootstrap, *TOPICS)
        yield process


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def collector(config: str, log: Path, **environment: str) -> Iterator[str]:
    """A Collector's OTLP address; at the end it is asked to stop and hands on what it holds."""
    address = f"127.0.0.1:{free_port()}"
    command = [str(COLLECTOR), "--config", str(CONFIGS / config)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | environment | {"PEER_OTLP_GRPC": address}, stderr=out)
        try:
            yield address
            process.terminate()
            assert process.wait(60) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def send(address: str, prefix: str) -> list[str]:
    """Spans by an unmodified SDK, which retries until the Collector listens."""
    provider = TracerProvider()
    exporter = OTLPSpanExporter(endpoint=address, insecure=True, timeout=60)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=2 * SPANS))
    names = [f"{prefix} {number}" for number in range(SPANS)]
    for name in names:
        provider.get_tracer("peer").start_span(name).end()
    assert provider.force_flush(60_000)
    provider.shutdown()
    return names


def span_names(kafka: KafkaProcess) -> Counter[str]:
    names: Counter[str] = Counter()
    for value in asyncio.run(read_all(kafka.bootstrap)):
        parsed = ExportTraceServiceRequest.FromString(value)
        names.update(s.name for entry in parsed.resource_spans for group in entry.scope_spans for s in group.spans)
    return names


async def read_all(bootstrap: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(TRACES.topic, number) for number in range(4)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        values: list[bytes] = []
        while len(values) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                values += [record.value for record in records]
        return values
    finally:
        await consumer.stop()


@contextmanager
def receiver(kafka: KafkaProcess) -> Iterator[dict[str, str]]:
    doors = {"TAILRACE_OTLP_HTTP": "127.0.0.1:0", "TAILRACE_OTLP_GRPC": "127.0.0.1:0"}
    environment = os.environ | doors | {"TAILRACE_KAFKA_BOOTSTRAP": kafka.bootstrap}
    command = [sys.executable, "-m", "collectors.otlp", "--json"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            addresses = orjson.loads(process.stdout.readline())
            yield {f"TAILRACE_{name.upper()}": address for name, address in addresses.items()}
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_the_otlp_exporters_deliver_everything_to_the_receiver(kafka: KafkaProcess, tmp_path: Path) -> None:
    with receiver(kafka) as doors, collector("to_receiver.yaml", tmp_path / "log", **doors) as address:
        sent = send(address, "receiver")
    found = span_names(kafka)
    assert [found[name] for name in sent] == [2] * SPANS  # once by gRPC, once by HTTP


def test_the_kafka_exporter_delivers_everything_to_the_topics(kafka: KafkaProcess, tmp_path: Path) -> None:
    environment = {"TAILRACE_KAFKA_BOOTSTRAP": kafka.bootstrap}
    with collector("to_topics.yaml", tmp_path / "log", **environment) as address:
        sent = send(address, "topics")
    found = span_names(kafka)
    assert [found[name] for name in sent] == [1] * SPANS


def test_the_clickhouse_exporter_fills_the_embedded_engine(tmp_path: Path) -> None:
    with ClickHouseProcess() as server:
        url = server.start(tmp_path / "clickhouse")
        with collector("to_clickhouse.yaml", tmp_path / "log", PEER_CLICKHOUSE_URL=url) as address:
            send(address, "clickhouse")
        query = b"SELECT count(), uniqExact(SpanName) FROM otel.otel_traces FORMAT TSV"
        with urllib.request.urlopen(url, data=query, timeout=30) as answer:  # noqa: S310 - our own server
            assert answer.read() == f"{SPANS}\t{SPANS}\n".encode()
