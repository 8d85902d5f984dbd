"""`tailrace demo` as a process: it judges itself, every span is accounted for, and a trace of the OpenTelemetry SDKs is stored as sent.

The rule of the test is resolved by thinning out instead of by a minute's end: that saves half a minute.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import psutil
import pytest
from clickhouse_connect.driver.client import Client
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, Status, StatusCode, format_span_id, format_trace_id, use_span

RULES = """
defaults: false
rules:
  - name: HalfFails
    match: {kind: server}
    metric: error_ratio
    window: 30s
    comparison: ">"
    threshold: 0.25
    resolve: 0.24
    min_spans: 10
    severity: critical
    summary: "{service} {operation}: {value}"
"""
PATIENCE_S = 240.0
STOREFRONT = 20
"""Ports from Kafka's to the storefront's."""


def tailrace(*arguments: str, **environment: str) -> tuple[int, str]:
    """A command besides: exit code and all that it said."""
    command = [sys.executable, "-m", "pipeline", *arguments]
    done = subprocess.run(command, env=bare() | environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def bare() -> dict[str, str]:
    """The environment without our settings, but for where the jars are."""
    kept = ("TAILRACE_CACHE_DIR",)
    return {name: value for name, value in os.environ.items() if not name.startswith("TAILRACE_") or name in kept}


class Demo:
    """One `tailrace demo` without a terminal."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.data_dir = folder / "data"
        command = [sys.executable, "-m", "pipeline", "demo", "--data-dir", str(self.data_dir), *arguments]
        self.process = psutil.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=bare() | environment
        )
        self.said: list[str] = []

    def __enter__(self) -> "Demo":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        self.process.stdout.close()

    def until(self, words: str) -> str:
        """The first line with these words; what came before is kept."""
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return str(line)
        raise AssertionError(f"the demo ended without saying {words!r}:\n{''.join(self.said)}")

    def addresses(self) -> dict[str, Any]:
        """Once all is ready."""
        line = self.until('{"kafka"')
        found: dict[str, Any] = json.loads(line[line.index("{") :])
        return found

    def end(self) -> tuple[int, str]:
        """Exit code and all that it said."""
        self.said += list(self.process.stdout)
        return self.process.wait(60), "".join(self.said)

    def left_behind(self) -> list[str]:
        """Processes that still work in its folder, and what lies there."""
        running = [" ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])]
        return [line for line in running if str(self.data_dir) in line] + [str(p) for p in self.data_dir.iterdir()]


@dataclass(frozen=True)
class Known:
    """A trace whose root is the test's, and which goes on through the shop."""

    trace_id: str
    own: Sequence[ReadableSpan]


def send_known_trace(grpc: str, storefront: str) -> Known:
    """Three spans of the SDK with all that a span can carry; the innermost calls the auto-instrumented storefront."""
    sent = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "known", "service.version": "7"}))
    provider.add_span_processor(SimpleSpanProcessor(sent))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=grpc, insecure=True, timeout=60)))
    tracer = provider.get_tracer("known tracer", "1.2")
    root = tracer.start_span("known root", kind=SpanKind.SERVER, attributes={"http.route": "/known", "tries": 3})
    with use_span(root, end_on_exit=True):
        with tracer.start_as_current_span(
            "failing", links=[Link(root.get_span_context(), {"why": "a test"})]
        ) as failing:
            failing.add_event("half-way", {"share": 0.5, "äöü": True})
            failing.set_status(Status(StatusCode.ERROR, "as told"))
        with tracer.start_as_current_span("GET shop", kind=SpanKind.CLIENT):
            headers: dict[str, str] = {}
            inject(headers)
            request = urllib.request.Request(f"{storefront}/products/7", headers=headers)  # noqa: S310 - our own
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                assert answer.status == 200
    provider.shutdown()
    return Known(format_trace_id(root.get_span_context().trace_id), sent.get_finished_spans())


def texts(attributes: Mapping[str, Any] | None) -> dict[str, str]:
    """As the exporter's tables have attributes: every value as text."""
    return {
        key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in (attributes or {}).items()
    }


def as_row(span: ReadableSpan) -> dict[str, Any]:
    """What otel_traces must say of a span, by the SDK's own account of it."""
    assert span.context is not None
    assert span.start_time is not None
    assert span.end_time is not None
    return {
        "id": format_span_id(span.context.span_id),
        "parent": format_span_id(span.parent.span_id) if span.parent else "",
        "name": span.name,
        "kind": span.kind.name.capitalize(),
        "start": span.start_time,
        "duration": span.end_time - span.start_time,
        "status": span.status.status_code.name.capitalize(),
        "message": span.status.description or "",
        "attributes": texts(span.attributes),
        "version": "7",
        "scope": "known tracer 1.2",
        "events": [(event.timestamp, event.name, texts(event.attributes)) for event in span.events],
        "links": [(format_span_id(link.context.span_id), texts(link.attributes)) for link in span.links],
    }


ROWS = """
SELECT SpanId AS id, ParentSpanId AS parent, SpanName AS name, SpanKind AS kind, toUnixTimestamp64Nano(Timestamp) AS start,
    Duration AS duration, StatusCode AS status, StatusMessage AS message, SpanAttributes AS attributes,
    ResourceAttributes['service.version'] AS version, concat(ScopeName, ' ', ScopeVersion) AS scope,
    arrayZip(arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp), Events.Name, Events.Attributes) AS events,
    arrayZip(Links.SpanId, Links.Attributes) AS links
FROM otel_traces WHERE TraceId = {trace:String} AND ServiceName = 'known'
"""

TRACE = "SELECT ServiceName, SpanName, SpanId, ParentSpanId FROM otel_traces WHERE TraceId = {trace:String}"

COUNTED = "SELECT sum(spans), sum(errors) FROM red_10s WHERE service = 'known'"

SHOP_SPANS = {
    ("storefront", "GET /products/{product_id}"),
    ("storefront", "GET"),
    ("catalog", "GET /products/{product_id}"),
    ("catalog", "SELECT"),
}
"""What auto-instrumentation of FastAPI, httpx and SQLAlchemy makes of one product page."""


def whole_trace(client: Client, trace_id: str) -> list[tuple[str, str, str, str]]:
    """Rows of the trace, once all of them are there."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        rows = [tuple(row) for row in client.query(TRACE, parameters={"trace": trace_id}).result_rows]
        if {row[:2] for row in rows} >= SHOP_SPANS and sum(row[0] == "known" for row in rows) == 3:
            return rows
        assert time.monotonic() < deadline, f"only {rows} came"
        time.sleep(0.2)


def check_known_trace(client: Client, known: Known) -> None:
    rows = whole_trace(client, known.trace_id)
    ids = {span_id for _, _, span_id, _ in rows}
    roots = [name for _, name, _, parent in rows if parent not in ids]
    assert roots == ["known root"]
    result = client.query(ROWS, parameters={"trace": known.trace_id})
    found = {row["id"]: row for row in result.named_results()}
    assert found == {row["id"]: row for row in map(as_row, known.own)}
    deadline = time.monotonic() + PATIENCE_S
    while (counted := [tuple(row) for row in client.query(COUNTED).result_rows]) != [(3, 1)]:
        assert time.monotonic() < deadline, f"counted: {counted}"  # a batch's windows come in after its rows
        time.sleep(0.2)


def check_commands(addresses: dict[str, Any]) -> None:
    """What a person would ask meanwhile."""
    code, screen = tailrace("top", "--once", TAILRACE_DATA_DIR=addresses["data_dir"])
    assert code == 0, screen
    assert "storefront" in screen
    assert re.search(r"span end → row  p50 \d+\.\d s  p99 \d+\.\d s.*lag \d", screen), screen
    url = f"{addresses['clickhouse']}/{addresses['database']}"
    code, said = tailrace("doctor", TAILRACE_KAFKA_BOOTSTRAP=addresses["kafka"], TAILRACE_CLICKHOUSE_URL=url)
    assert (code, said.splitlines()[-1]) == (0, "all is well"), said


@pytest.mark.timeout(600)
def test_a_short_demo_sees_its_fault_and_accounts_for_every_span(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    with Demo(tmp_path, "--seconds", "12", TAILRACE_RULES=str(tmp_path / "rules.yaml")) as demo:
        addresses = demo.addresses()
        url = urlsplit(addresses["clickhouse"])
        client = clickhouse_connect.get_client(
            host=url.hostname, port=url.port, database=addresses["database"], autogenerate_session_id=False
        )
        shop = f"http://127.0.0.1:{int(addresses['kafka'].rpartition(':')[2]) + STOREFRONT}"
        check_known_trace(client, send_known_trace(f"http://{addresses['otlp_grpc']}", shop))
        client.close()
        check_commands(addresses)
        code, said = demo.end()
        assert code == 0, said
        assert demo.left_behind() == []
    seen = re.search(r"seen: ([\d,]+) spans sent, ([\d,]+) rows of 5 services, ([\d,]+) spans counted", said)
    assert seen is not None, said
    sent, rows, counted = (int(number.replace(",", "")) for number in seen.groups())
    assert rows == counted == sent + 3
    assert "span end to row p99" in said
    assert "lag" in said


@pytest.mark.timeout(600)
def test_a_demo_that_did_not_see_its_alert_says_so_and_fails(tmp_path: Path) -> None:
    with Demo(tmp_path, "--seconds", "1", "--patience", "0") as demo:
        code, said = demo.end()
        assert demo.left_behind() == []
    assert code == 1, said
    assert "not seen: " in said
    assert "no alert about payments fired" in said
