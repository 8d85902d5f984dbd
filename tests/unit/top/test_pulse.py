"""Delay and lag, from real workers' metrics over HTTP."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.telemetry import SelfMetrics
from pipeline.top.pulse import Pulse, Workers, parse, quantile


@pytest.fixture
def worker() -> Iterator[tuple[str, SelfMetrics]]:
    """Somebody who serves a worker's own metrics text."""
    metrics = SelfMetrics()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/metrics" else 404)
            self.end_headers()
            self.wfile.write(metrics.text())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", metrics
        finally:
            server.shutdown()
            thread.join()


def observe(metrics: SelfMetrics, *delays_s: float) -> None:
    metrics.observe_many("visible_seconds", np.array(delays_s), 1.0, topic="otlp_spans")


@given(st.lists(st.floats(0.06, 200), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_within_a_fifth_of_the_truth(delays_s: list[float], share: float) -> None:
    metrics = SelfMetrics()
    observe(metrics, *delays_s)
    told = quantile(share, parse(metrics.text().decode()).buckets)
    truth = float(np.quantile(delays_s, share, method="inverted_cdf"))
    assert told is not None
    assert truth / 1.21 <= told <= truth * 1.21


def test_the_last_minute_is_the_difference_of_two_readings(worker: tuple[str, SelfMetrics]) -> None:
    url, metrics = worker
    workers = Workers([url])
    observe(metrics, *[100.0] * 1000)
    first = workers.read(0.0)
    assert first.since_start
    assert first.delays_s == pytest.approx((100, 100), rel=0.21)
    observe(metrics, *[1.0] * 100)
    now = workers.read(10.0)
    assert not now.since_start
    assert now.delays_s == pytest.approx((1.0, 1.0), rel=0.21)
    assert workers.read(100.0).delays_s is None


def test_lag_is_summed_over_partitions(worker: tuple[str, SelfMetrics]) -> None:
    url, metrics = worker
    for partition, lag in enumerate((3, 4)):
        metrics.gauge("lag_records", lag, topic="otlp_spans", partition=str(partition))
    assert Workers([url, url]).read(0.0).lag_records == 7


def test_a_worker_that_was_started_again_counts_anew(worker: tuple[str, SelfMetrics]) -> None:
    url, metrics = worker
    workers = Workers([url])
    observe(metrics, *[1.0] * 50)
    workers.read(0.0)
    metrics.__init__()  # type: ignore[misc]
    observe(metrics, 10.0)
    assert workers.read(5.0).delays_s == pytest.approx((10, 10), rel=0.21)


def test_a_worker_that_does_not_answer_is_left_out() -> None:
    away = "http://127.0.0.1:9"
    assert Workers([away], lambda: 12).read(0.0) == Pulse(lag_records=12, silent=(f"the worker at {away}",))


def test_backfill_is_told_apart_from_how_fast_the_others_come_in(worker: tuple[str, SelfMetrics]) -> None:
    url, metrics = worker
    workers = Workers([url])
    workers.read(0.0)
    observe(metrics, *[7200.0] * 300, *[1.0] * 100)
    told = workers.read(10.0)
    assert told.delays_s == pytest.approx((1.0, 1.0), rel=0.21)
    assert told.backfill == pytest.approx(0.75)
    observe(metrics, *[1.0] * 100)
    assert workers.read(75.0).backfill == 0.0
