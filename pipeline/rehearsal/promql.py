"""PromQL over the span metrics of OpenTelemetry, to what a threshold rule says: rate, ratio of failures, mean, quantile. Whatever else it is, is refused.

Promises: pure; what is not known to mean the same is refused with the reason (`NotOurs`), never half translated. The text is read by promql-parser.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as promql

from schemas.families.base import ROLLING_WINDOWS_S, SHORT_WINDOWS_S

KEYS: Mapping[str, str] = {
    "service_name": "service",
    "service": "service",
    "span_name": "operation",
    "span_kind": "kind",
    "deployment_environment": "environment",
    "deployment_environment_name": "environment",
}
"""Labels of span metrics → keys of spans."""
NEEDED = ("service", "operation", "kind")
STATUS, FAILED = "status_code", "STATUS_CODE_ERROR"
WINDOWS = {length_s: name for name, length_s in (SHORT_WINDOWS_S | ROLLING_WINDOWS_S).items()}
QUANTILES = {0.5: "p50_ms", 0.9: "p90_ms", 0.95: "p95_ms", 0.99: "p99_ms", 0.999: "p999_ms"}
_CALLS = re.compile(r"(traces_)?(span_?metrics_)?calls_total")
_TIMED = re.compile(r"(traces_)?(span_?metrics_)?(duration_(milliseconds|seconds)|latency)_(bucket|sum|count)")
_PLAIN = re.compile(r"[^*?\[\]!|\\^$+(){}.]+")


class NotOurs(ValueError):  # noqa: N818 - a reason, no fault of ours
    """Why an expression is no rule of ours."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """`sum by (...) (rate(metric{...}[window]))`."""

    metric: str
    function: str
    window_s: int
    failed: bool
    match: Mapping[str, tuple[str, ...]]
    by: frozenset[str]


def threshold(text: str, *, per_series: bool) -> dict[str, Any]:
    """Keys of a threshold rule; NotOurs with the reason. `per_series`: what is summed over series is judged for each of them."""
    try:
        tree = promql.parse(text)
    except ValueError as error:
        raise NotOurs(f"not PromQL: {error}") from None
    if not isinstance(tree, promql.BinaryExpr) or str(tree.op) not in (">", ">=", "<", "<="):
        raise NotOurs("it is no comparison of a figure with a number by >, >=, < or <=")
    if tree.modifier is not None:
        raise NotOurs("`bool`, `on` and `ignoring` have no counterpart")
    limit, left = _number(tree.rhs), tree.lhs
    while isinstance(left, promql.ParenExpr):
        left = left.expr
    if isinstance(left, promql.BinaryExpr) and str(left.op) == "*":
        factor, left = (_number(left.lhs), left.rhs) if _is_number(left.lhs) else (_number(left.rhs), left.lhs)
        if factor <= 0:
            raise NotOurs("it is multiplied by what is not above 0")
        limit /= factor
    metric, scale, one = _figure(left)
    missing = [key for key in NEEDED if key not in one.by and not _pinned(one.match.get(key, ()))]
    if missing and not per_series:
        raise NotOurs(
            f"it is summed over every {' and '.join(missing)}, and our rules judge each by itself (--per-series takes it so)"
        )
    match = {key: list(globs) for key, globs in one.match.items()}
    found = {"metric": metric, "window": _window(one.window_s), "comparison": str(tree.op)}
    return {**({"match": match} if match else {}), **found, "threshold": float(f"{limit * scale:.12g}"), "min_count": 0}


def _figure(tree: Any) -> tuple[str, float, _Counted]:  # noqa: ANN401 - a node of the parser
    """The figure, what the limit is multiplied by for it, and what is counted."""
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    if isinstance(tree, promql.BinaryExpr) and str(tree.op) == "/" and tree.modifier is None:
        return _ratio(_counted(tree.lhs), _counted(tree.rhs))
    if isinstance(tree, promql.Call) and tree.func.name == "histogram_quantile":
        share, one = _number(tree.args[0]), _counted(tree.args[1], bucket=True)
        if share not in QUANTILES or one.failed:
            known = ", ".join(map(str, QUANTILES))
            raise NotOurs(f"of quantiles there are {known}, of all calls, whatever their status")
        return QUANTILES[share], _to_ms(one.metric), one
    one = _counted(tree)
    if not _CALLS.fullmatch(one.metric):
        raise NotOurs(f"{one.metric} alone is no figure: there are calls, ratios, means and quantiles")
    if one.failed:
        return "errors", one.window_s if one.function == "rate" else 1.0, one
    return ("rate" if one.function == "rate" else "calls"), 1.0, one


def _ratio(top: _Counted, below: _Counted) -> tuple[str, float, _Counted]:
    same = ("function", "window_s", "match", "by")
    if different := [name for name in same if getattr(top, name) != getattr(below, name)]:
        raise NotOurs(f"the two sides of / differ in their {' and '.join(different).replace('_s', '')}")
    if top.metric == below.metric and _CALLS.fullmatch(top.metric) and top.failed and not below.failed:
        return "error_ratio", 1.0, below
    if _TIMED.fullmatch(top.metric) and below.metric == top.metric.removesuffix("_sum") + "_count":
        if top.failed or below.failed:
            raise NotOurs("means are of all calls, whatever their status")
        return "mean_ms", _to_ms(top.metric), below
    raise NotOurs(f"the ratio of {top.metric} and {below.metric} is neither that of failed calls nor a mean")


def _counted(tree: Any, *, bucket: bool = False) -> _Counted:  # noqa: ANN401 - a node of the parser
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    if isinstance(tree, promql.Call) and tree.func.name in ("absent", "absent_over_time"):
        raise NotOurs("silence is a rule of its own: write `silent_for`")
    if not isinstance(tree, promql.AggregateExpr) or str(tree.op) != "sum":
        raise NotOurs("it is not summed, so each status stands alone: we know sum by (...) (rate(...))")
    by = _by(tree)
    if ("le" in by) != bucket:
        raise NotOurs("`le` is grouped by where a quantile is taken, and nowhere else")
    call = tree.expr
    if not isinstance(call, promql.Call) or call.func.name not in ("rate", "increase"):
        raise NotOurs("of functions over time we know rate and increase")
    ranged = call.args[0]
    if not isinstance(ranged, promql.MatrixSelector):
        raise NotOurs("subqueries have no counterpart")
    selector = ranged.vector_selector
    if selector.offset is not None or selector.at is not None:
        raise NotOurs("`offset` and `@` have no counterpart")
    name, timed = selector.name or "", _TIMED.fullmatch(selector.name or "")
    if not timed and not _CALLS.fullmatch(name):
        raise NotOurs(f"{name or 'a selector without a name'} is none of the span metrics")
    if bucket != bool(timed and timed[5] == "bucket"):
        raise NotOurs(f"{name} is a histogram's buckets, or is taken for them")
    match, failed = _match(selector.matchers)
    keys = frozenset(KEYS[label] for label in by if label != "le")
    return _Counted(name, call.func.name, round(ranged.range.total_seconds()), failed, match, keys)


def _by(tree: Any) -> list[str]:  # noqa: ANN401 - a node of the parser
    if tree.modifier is None:
        return []
    if tree.modifier.type != promql.AggModifierType.By:
        raise NotOurs("`without` has no counterpart: name the labels with `by`")
    for label in tree.modifier.labels:
        if label not in KEYS and label != "le":
            raise NotOurs(f"it is grouped by {label}, which is no key of a series")
    return list(tree.modifier.labels)


def _match(matchers: Any) -> tuple[dict[str, tuple[str, ...]], bool]:  # noqa: ANN401 - of the parser
    if matchers.or_matchers:
        raise NotOurs("matchers joined by `or` have no counterpart")
    found: dict[str, tuple[str, ...]] = {}
    failed = False
    for one in matchers.matchers:
        if one.name == STATUS:
            if (one.op, one.value) != (promql.MatchOp.Equal, FAILED) or failed:
                raise NotOurs(f'of {STATUS} we know "{FAILED}"')
            failed = True
            continue
        if one.name not in KEYS:
            raise NotOurs(f"it is narrowed by {one.name}, which is no key of a series")
        key = KEYS[one.name]
        if key in found:
            raise NotOurs(f"it is narrowed twice by {one.name}")
        found[key] = _globs(one, key)
    return found, failed


def _globs(one: Any, key: str) -> tuple[str, ...]:  # noqa: ANN401 - of the parser
    regex = one.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
    globs = []
    for part in one.value.split("|") if regex else [one.value]:
        text = part.replace("\\.", "\0") if regex else part.replace(".", "\0")
        begin, end = (text.startswith(".*"), text.endswith(".*")) if regex else (False, False)
        middle = text[2 * begin : len(text) - 2 * end]
        if not _PLAIN.fullmatch(middle):
            raise NotOurs(f"{one.name} {part!r} can't be written with *, ? and [ab]")
        plain = middle.replace("\0", ".")
        plain = plain.removeprefix("SPAN_KIND_").lower() if key == "kind" else plain
        left_out = "!" if one.op in (promql.MatchOp.NotEqual, promql.MatchOp.NotRe) else ""
        globs.append(f"{left_out}{'*' * begin}{plain}{'*' * end}")
    return tuple(globs)


def _pinned(globs: tuple[str, ...]) -> bool:
    return len(globs) == 1 and not globs[0].startswith("!") and "*" not in globs[0]


def _window(length_s: int) -> str:
    if length_s not in WINDOWS:
        raise NotOurs(f"a window of {length_s} s is not kept: there are {', '.join(WINDOWS.values())}")
    return WINDOWS[length_s]


def _to_ms(metric: str) -> float:
    return 1.0 if "milliseconds" in metric else 1000.0


def _is_number(tree: Any) -> bool:  # noqa: ANN401 - a node of the parser
    return isinstance(tree, promql.NumberLiteral)


def _number(tree: Any) -> float:  # noqa: ANN401 - a node of the parser
    while isinstance(tree, promql.ParenExpr):
        tree = tree.expr
    if not isinstance(tree, promql.NumberLiteral):
        raise NotOurs("where a number is needed there is none: we compare with a number on the right")
    return float(tree.val)
