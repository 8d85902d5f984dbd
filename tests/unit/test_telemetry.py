"""What Tailrace measures of itself, in Prometheus' form."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from pipeline.telemetry import DELAYS, METRICS, SelfMetrics

NAME = "tailrace_span_end_to_row_seconds"
VALUES = st.lists(st.floats(0, 1000), min_size=1, max_size=50)


def samples(metrics: SelfMetrics) -> dict[tuple[str, str], float]:
    """(sample name, bound) → value."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {(s.name, s.labels.get("le", "")): s.value for f in families for s in f.samples if s.name.startswith(NAME)}


@given(VALUES, VALUES)
def test_a_distribution_counts_what_a_histogram_counts(first: list[float], second: list[float]) -> None:
    metrics = SelfMetrics()
    for values in (first, second):
        metrics.observe_many("visible_seconds", np.array(values), 2.0, topic="otlp_spans")
    found = samples(metrics)
    values = [*first, *second]
    assert found[NAME + "_bucket", "+Inf"] == found[NAME + "_count", ""] == 2 * len(values)
    assert found[NAME + "_sum", ""] == pytest.approx(2 * sum(values))
    for bound in DELAYS:
        assert found[NAME + "_bucket", f"{bound:g}"] == 2 * sum(value <= bound for value in values)


def test_every_metric_is_in_the_text_before_anything_happened() -> None:
    text = SelfMetrics().text().decode()
    assert [metric.name for metric in METRICS if f"# TYPE tailrace_{metric.name}" not in text] == []


def test_figures_of_items_keep_the_names_they_had_when_items_were_spans() -> None:
    metrics = SelfMetrics()
    metrics.count("overflow", 3)
    metrics.count("clamped", 2)
    metrics.observe_many("visible_seconds", np.array([1.0]), 1.0, topic="otlp_spans")
    text = metrics.text().decode()
    for line in (
        "overflow_items_total 3.0",
        "overflow_spans_total 3.0",
        "clamped_items_total 2.0",
        "clamped_spans_total 2.0",
    ):
        assert f"\ntailrace_{line}\n" in text
    for name in ("freshness_seconds", "span_end_to_row_seconds"):
        assert f'tailrace_{name}_count{{topic="otlp_spans"}} 1.0' in text


def test_items_are_counted_by_topic() -> None:
    metrics = SelfMetrics()
    metrics.count("items", 5, topic="otlp_logs")
    assert 'tailrace_items_total{topic="otlp_logs"} 5.0' in metrics.text().decode()


def test_a_name_that_is_not_in_the_list_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        SelfMetrics().count("no_such_name")
