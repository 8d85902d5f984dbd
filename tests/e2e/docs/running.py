"""A `tailrace up` with the spans of a small shop in it, for the pages' commands and SQL.

Promises: the same services, operations and attributes that the pages name; what a page says of 127.0.0.1 and the usual ports means this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pipeline.embedded.lifeline import port_is_free

TRACE = bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
"""The trace that the pages look at."""
USUAL = {"kafka": 9092, "clickhouse": 8123, "otlp_grpc": 4317, "otlp_http": 4318}


class Running:
    """Where it is, and how to speak with it."""

    def __init__(self, data_dir: Path, addresses: dict[str, str]) -> None:
        self.data_dir, self.addresses = data_dir, addresses

    def here(self, text: str) -> str:
        """A page's text with our ports for the usual ones."""
        for name, port in USUAL.items():
            ours = self.addresses[name].rpartition(":")[2]
            for host in ("127.0.0.1", "localhost"):
                text = text.replace(f"{host}:{port}", f"{host}:{ours}")
        return text

    def ask(self, sql: str) -> str:
        """Of everybody's login; tab-separated. AssertionError with the server's words where it is refused."""
        request = urllib.request.Request(f"{self.addresses['clickhouse']}/?database=tailrace", data=sql.encode())  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{sql}\n{error.read().decode()}") from None

    def environment(self) -> dict[str, str]:
        """For a page's commands: the command line in the path, and the data folder, by which it finds what runs."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith(("TAILRACE_", "OTEL_"))}
        kept = {name: os.environ[name] for name in ("TAILRACE_CACHE_DIR",) if name in os.environ}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {
            **bare,
            **kept,
            "PATH": path,
            "TAILRACE_DATA_DIR": str(self.data_dir),
            **rules(self.data_dir),
            "COLUMNS": "120",
        }

    def send(self, request: ExportTraceServiceRequest) -> None:
        """To the receiver."""
        url = f"http://{self.addresses['otlp_http']}/v1/traces"
        headers = {"Content-Type": "application/x-protobuf"}
        post = urllib.request.Request(url, data=request.SerializeToString(), headers=headers)
        with urllib.request.urlopen(post, timeout=60) as answer:  # noqa: S310 - our own
            assert answer.status == 200


def rules(folder: Path) -> dict[str, str]:
    """The setting of a folder of rules, which pages may write into."""
    return {"TAILRACE_RULES": str(folder.with_name("rules"))}


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Started, with two minutes of a shop behind it."""
    first = next(port for port in range(21_000, 31_000, 37) if all(port_is_free(port + n) for n in range(8)))
    command = [sys.executable, "-m", "pipeline", "up", "--data-dir", str(folder), "--ports-from", str(first), "--json"]
    log = (folder.parent / "up.err").open("wb")
    Path(rules(folder)["TAILRACE_RULES"]).mkdir()
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **rules(folder)}
    )
    try:
        assert process.stdout is not None
        started = Running(folder, json.loads(process.stdout.readline()))
        _fill(started)
        yield started
    finally:
        process.terminate()
        process.wait(120)
        log.close()
        if process.stdout is not None:
            process.stdout.close()


def _fill(started: Running) -> None:
    now_ns = time.time_ns()
    for age_s in range(120, 0, -1):
        started.send(_second(now_ns - age_s * 10**9, slow=age_s < 20))
    while int(started.ask("SELECT count() FROM series_windows WHERE service = 'checkout'")) < 5:
        started.send(_second(time.time_ns(), slow=True))
        time.sleep(0.5)


def _second(end_ns: int, *, slow: bool) -> ExportTraceServiceRequest:
    """What the shop does in one second: three services, a database, some errors, two versions."""
    request = ExportTraceServiceRequest()
    for service, version in (("storefront", "1.4.0"), ("checkout", "2.0.1" if slow else "2.0.0"), ("payments", "7")):
        entry = request.resource_spans.add()
        for key, value in (
            ("service.name", service),
            ("service.version", version),
            ("deployment.environment.name", "prod"),
        ):
            entry.resource.attributes.add(key=key).value.string_value = value
        spans = entry.scope_spans.add().spans
        for number in range(5):
            span = spans.add(
                trace_id=TRACE if number == 0 else os.urandom(16), span_id=os.urandom(8), kind=Span.SPAN_KIND_SERVER
            )
            span.name = "POST /buy" if number % 2 else "GET /cart"
            duration_ns = (400_000_000 if slow and service == "checkout" else 20_000_000) + number * 3_000_000
            span.start_time_unix_nano, span.end_time_unix_nano = end_ns - duration_ns, end_ns
            span.attributes.add(key="http.route").value.string_value = span.name.partition(" ")[2]
            span.attributes.add(key="customer.id").value.string_value = f"c{number}"
            if service == "payments" and number == 1:
                span.status.code = Status.STATUS_CODE_ERROR
            if service == "checkout":
                query = spans.add(trace_id=span.trace_id, span_id=os.urandom(8), parent_span_id=span.span_id)
                query.kind, query.name = Span.SPAN_KIND_CLIENT, "SELECT orders"
                query.start_time_unix_nano, query.end_time_unix_nano = end_ns - duration_ns // 2, end_ns
                query.attributes.add(key="db.system.name").value.string_value = "postgresql"
                query.attributes.add(key="db.query.text").value.string_value = "SELECT * FROM orders WHERE customer = ?"
    return request
