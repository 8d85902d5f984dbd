"""The receiver as a process, between unmodified OpenTelemetry SDKs and a real Kafka, through a restart of that Kafka."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from collectors.otlp.signals import TOPICS, TRACES
from tests.support.kafka import KafkaProcess, create_topics

JAVASCRIPT = Path(__file__).parent / "javascript"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    with KafkaProcess() as process:
        process.start(tmp_path_factory.mktemp("kafka"))
        create_topics(process.bootstrap, *TOPICS)
        yield process


@contextmanager
def receiver(kafka: KafkaProcess, *command: str) -> Iterator[dict[str, str]]:
    """The receiver's addresses; at the end it is asked to stop, and must do so well."""
    doors = {"TAILRACE_OTLP_HTTP": "127.0.0.1:0", "TAILRACE_OTLP_GRPC": "127.0.0.1:0"}
    environment = os.environ | doors | {"TAILRACE_KAFKA_BOOTSTRAP": kafka.bootstrap}
    arguments = command or ("-m", "collectors.otlp")
    process = subprocess.Popen([sys.executable, *arguments, "--json"], env=environment, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def span_names(kafka: KafkaProcess) -> Counter[str]:
    """How often each span's name is on the topic."""
    names: Counter[str] = Counter()
    for value in asyncio.run(read_all(kafka.bootstrap, TRACES.topic)):
        if value.startswith(b"{"):
            entries = orjson.loads(value)["resourceSpans"]
            names.update(span["name"] for entry in entries for group in entry["scopeSpans"] for span in group["spans"])
        else:
            parsed = ExportTraceServiceRequest.FromString(value)
            names.update(s.name for entry in parsed.resource_spans for group in entry.scope_spans for s in group.spans)
    return names


async def read_all(bootstrap: str, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(4)]
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


EXPORTERS: dict[str, Callable[[dict[str, str]], SpanExporter]] = {
    "grpc": lambda doors: GrpcSpanExporter(endpoint=doors["otlp_grpc"], insecure=True, timeout=90),
    "http": lambda doors: HttpSpanExporter(
        endpoint=f"http://{doors['otlp_http']}/v1/traces", timeout=90, compression=Compression.Gzip
    ),
}


@pytest.mark.parametrize("door", sorted(EXPORTERS))
def test_nothing_is_lost_through_a_restart_of_kafka(kafka: KafkaProcess, door: str) -> None:
    with receiver(kafka) as doors:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(EXPORTERS[door](doors), schedule_delay_millis=100))
        tracer = provider.get_tracer("test")
        sent: list[str] = []
        enough, stop = threading.Event(), threading.Event()

        def send() -> None:
            # At most 1,500 spans: the SDK's queue holds 2,048, and what it drops itself isn't ours to keep.
            while len(sent) < 1500 and not (stop.is_set() and len(sent) > 500):
                tracer.start_span(f"{door} {len(sent)}").end()
                sent.append(f"{door} {len(sent)}")
                if len(sent) == 200:
                    enough.set()
                stop.wait(0.005)

        sending = threading.Thread(target=send)
        sending.start()
        assert enough.wait(30)
        kafka.kill9()
        kafka.restart()
        stop.set()
        sending.join()
        assert provider.force_flush(90_000)
        provider.shutdown()
    found = span_names(kafka)
    assert set(sent) - set(found) == set()


def test_the_command_line_runs_the_same_receiver(kafka: KafkaProcess) -> None:
    program = (
        "import typer; from pipeline.cli import collect; app = typer.Typer(); collect.register(app); "
        "app.callback()(lambda: None); app()"
    )
    with receiver(kafka, "-c", program, "collect", "otlp") as doors:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(EXPORTERS["http"](doors)))
        provider.get_tracer("test").start_span("by command").end()
        provider.shutdown()
    assert span_names(kafka)["by command"] == 1


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the JavaScript client installed."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not on this machine")
    folder = tmp_path_factory.mktemp("javascript")
    for name in ("package.json", "package-lock.json", "send.mjs"):
        shutil.copy(JAVASCRIPT / name, folder)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    installed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if installed.returncode != 0:
        pytest.skip(f"npm could not install the JavaScript SDK: {installed.stderr[-300:]}")
    return folder


def test_what_the_javascript_sdk_sends_arrives_by_all_its_exporters(kafka: KafkaProcess, javascript: Path) -> None:
    with receiver(kafka) as doors:
        command = ["node", "send.mjs", doors["otlp_http"], doors["otlp_grpc"]]
        subprocess.run(command, cwd=javascript, check=True, timeout=60)
    found = span_names(kafka)
    for name in ("grpc", "json", "protobuf"):
        assert [found[f"javascript {name} {number}"] == 1 for number in range(100)] == [True] * 100
