"""Prometheus' rules of a known shape become rules of ours; every other one is refused with its reason."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import build
from pipeline.detect.rule_files import parse
from pipeline.flow import families
from pipeline.rehearsal.prometheus import Imported, convert
from pipeline.rehearsal.promql import NotOurs, threshold

BY = "by (service_name, span_name, span_kind)"
CALLS = "traces_span_metrics_calls_total"
FAILED = f'{CALLS}{{status_code="STATUS_CODE_ERROR"}}'
TIMED = "traces_span_metrics_duration_milliseconds"
FILE = f"""
groups:
  - name: shop
    rules:
      - alert: Failing
        expr: sum {BY} (rate({FAILED}[5m])) / sum {BY} (rate({CALLS}[5m])) > 0.05
        for: 2m
        keep_firing_for: 1m
        labels: {{severity: critical, team: shop}}
        annotations:
          summary: "{{{{ $labels.service_name }}}} fails: {{{{ $value | humanize }}}}"
          runbook_url: https://example.com/failing
          dashboard: https://example.com
      - alert: Down
        expr: up == 0
      - record: job:calls
        expr: sum(rate({CALLS}[5m]))
"""


def judged(expr: str) -> dict[str, Any]:
    found = threshold(expr, per_series=False)
    return {name: found[name] for name in ("metric", "window", "comparison", "threshold")}


@pytest.mark.parametrize(
    ("expr", "metric", "window", "limit"),
    [
        (f"sum {BY} (rate({CALLS}[1m])) > 5", "rate", "1m", 5),
        (f"sum {BY} (increase({CALLS}[30s])) > 5", "calls", "30s", 5),
        (f"sum {BY} (increase({FAILED}[1h])) > 5", "errors", "1h", 5),
        (f"sum {BY} (rate({FAILED}[5m])) > 0.1", "errors", "5m", 30),
        (f"sum(rate({FAILED}[5m])) {BY} / sum(rate({CALLS}[5m])) {BY} > 0.05", "error_ratio", "5m", 0.05),
        (f"(100 * (sum {BY} (rate({FAILED}[5m])) / sum {BY} (rate({CALLS}[5m])))) > 5", "error_ratio", "5m", 0.05),
        (f"sum {BY} (rate({FAILED}[5m])) / sum {BY} (rate({CALLS}[5m])) * 100 > 5", "error_ratio", "5m", 0.05),
        (f"histogram_quantile(0.99, sum {BY[:-1]}, le) (rate({TIMED}_bucket[5m]))) > 250", "p99_ms", "5m", 250),
        (
            f"histogram_quantile(0.5, sum {BY[:-1]}, le) (rate(duration_seconds_bucket[1m]))) > 0.25",
            "p50_ms",
            "1m",
            250,
        ),
        (f"sum {BY} (rate({TIMED}_sum[5m])) / sum {BY} (rate({TIMED}_count[5m])) > 80", "mean_ms", "5m", 80),
        (f"sum {BY} (rate(traces_spanmetrics_calls_total[1m])) > 5", "rate", "1m", 5),
    ],
)
def test_a_known_shape_is_a_threshold_of_the_same_figure(expr: str, metric: str, window: str, limit: float) -> None:
    assert judged(expr) == {"metric": metric, "window": window, "comparison": ">", "threshold": limit}


@pytest.mark.parametrize("comparison", [">", ">=", "<", "<="])
def test_every_comparison_stays_what_it_is(comparison: str) -> None:
    assert judged(f"sum {BY} (rate({CALLS}[1m])) {comparison} 5")["comparison"] == comparison


def test_matchers_become_globs() -> None:
    narrowed = 'service_name=~"shop|mail.*",span_kind="SPAN_KIND_SERVER",span_name!="/health",service="x"'
    with pytest.raises(NotOurs, match="twice"):
        threshold(f"sum {BY} (rate({CALLS}{{{narrowed}}}[1m])) > 5", per_series=False)
    found = threshold(f"sum {BY} (rate({CALLS}{{{narrowed.rpartition(',')[0]}}}[1m])) > 5", per_series=False)
    assert found["match"] == {"service": ["shop", "mail*"], "kind": ["server"], "operation": ["!/health"]}


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("up == 0", "no comparison"),
        (f"sum {BY} (rate({CALLS}[2m])) > 5", "120 s is not kept"),
        (f"sum {BY} (rate({CALLS}[5m] offset 1h)) > 5", "offset"),
        (f"sum {BY} (rate({CALLS}[5m])) > bool 5", "bool"),
        (f"sum {BY} (rate({CALLS}[5m])) > 5 and up", "no comparison"),
        (f"sum {BY} (rate({CALLS}[5m])) > sum {BY} (rate({CALLS}[1h]))", "a number"),
        (f"sum (rate({CALLS}[5m])) > 5", "summed over every service and operation and kind"),
        (f"sum by (service_name) (rate({CALLS}[5m])) > 5", "summed over every operation and kind"),
        (f"sum by (pod) (rate({CALLS}[5m])) > 5", "grouped by pod"),
        (f"sum without (pod) (rate({CALLS}[5m])) > 5", "without"),
        (f"rate({CALLS}[5m]) > 5", "each status stands alone"),
        (f"max {BY} (rate({CALLS}[5m])) > 5", "not summed"),
        (f"sum {BY} (irate({CALLS}[5m])) > 5", "rate and increase"),
        (f"sum {BY} (rate({CALLS}[5m:1m])) > 5", "subqueries"),
        (f'sum {BY} (rate({CALLS}{{pod="a"}}[5m])) > 5', "narrowed by pod"),
        (f'sum {BY} (rate({CALLS}{{service_name=~"a.c"}}[5m])) > 5', "can't be written"),
        (f'sum {BY} (rate({CALLS}{{status_code="STATUS_CODE_OK"}}[5m])) > 5', "of status_code we know"),
        (f"sum {BY} (rate(http_requests_total[5m])) > 5", "none of the span metrics"),
        (f"sum {BY} (rate({TIMED}_sum[5m])) > 5", "alone is no figure"),
        (f"histogram_quantile(0.42, sum {BY[:-1]}, le) (rate({TIMED}_bucket[5m]))) > 2", "of quantiles there are"),
        (f"histogram_quantile(0.9, sum {BY} (rate({TIMED}_bucket[5m]))) > 2", "`le`"),
        (f"sum {BY} (rate({FAILED}[5m])) / sum {BY} (rate({CALLS}[1m])) > 1", "differ in their window"),
        (f"sum {BY} (rate({CALLS}[5m])) / sum {BY} (rate({FAILED}[5m])) > 1", "neither that of failed calls"),
        (f"absent({CALLS}) > 0", "silent_for"),
        ("sum(", "not PromQL"),
        ("", "not PromQL"),
    ],
)
def test_every_other_shape_is_refused_with_its_reason(expr: str, reason: str) -> None:
    with pytest.raises(NotOurs, match=reason):
        threshold(expr, per_series=False)


def test_what_is_pinned_need_not_be_grouped_by() -> None:
    pinned = '{service_name="shop",span_name="pay",span_kind="SPAN_KIND_SERVER"}'
    assert judged(f"sum(rate({CALLS}{pinned}[5m])) > 5")["metric"] == "rate"


def converted(text: str) -> Imported:
    found = convert(text, families())
    rules, problems = parse(found.text(), families())
    assert (len(rules), problems) == (len(found.rules), [])
    return found


def test_a_file_gives_its_rules_and_of_the_rest_the_reasons() -> None:
    found = converted(FILE)
    (rule,) = found.rules
    assert (rule["for"], rule["keep_for"], rule["severity"], rule["labels"]) == (120, 60, "critical", {"team": "shop"})
    assert (rule["summary"], rule["runbook"]) == ("{service} fails: {value}", "https://example.com/failing")
    assert [(one.line, one.name) for one in found.refused] == [(14, "Down"), (16, "job:calls")]
    assert [note.partition(" is left out")[0] for note in found.notes] == ["Failing: its annotation dashboard"]


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        ("severity: critical", "severity: page", "'page' is none of"),
        ("team: shop", 'team: "{{ $labels.team }}"', "made from a template"),
        ("for: 2m", "for: 250ms", "`for`"),
        ("alert: Failing", "alert: Failing now", "name"),
        ("for: 2m", "limit: 2", "its limit has no counterpart"),
    ],
)
def test_a_rule_is_taken_whole_or_not_at_all(right: str, wrong: str, reason: str) -> None:
    found = converted(FILE.replace(right, wrong))
    assert found.rules == []
    assert reason in found.refused[0].reason


@pytest.mark.parametrize("text", ["", "rules: []", "groups: 5", "a: [", "groups: [{rules: [5]}]", "groups: *a"])
def test_what_is_no_file_of_rules_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        convert(text, families())


def test_the_command_prints_rules_and_tells_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text(FILE)
    result = CliRunner().invoke(build(), ["rules", "import", str(path)])
    assert result.exit_code == 1
    assert parse(result.stdout, families())[1] == []
    assert f"{path}:14: Down: not taken: it is no comparison" in result.stderr
    assert "1 rules taken, 2 not" in result.stderr
