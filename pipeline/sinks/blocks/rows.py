"""What was computed → blocks of ClickHouse's tables: window partials, closed windows, dead letters, alert events. Spans: `span_rows`.

Promises: pure; the same input gives the same bytes. Does not know how blocks are sent, nor under which token.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from pipeline.kernels.native.block import Column
from pipeline.model.outcome import Block
from pipeline.model.series_windows import SeriesWindows
from pipeline.model.window_partials import WindowPartials
from pipeline.sinks.blocks.arrow_rows import arrow_block
from schemas.alert import Alert
from schemas.dead_letter import DeadLetter


def partial_rows(partials: WindowPartials) -> Block:
    """A block of `span_windows`."""
    return arrow_block("span_windows", partials.rows)


def series_rows(closed: SeriesWindows) -> Block:
    """A block of `series_windows`."""
    whence = pa.table(
        {
            "partition": pa.array(np.full(closed.rows.num_rows, closed.partition, np.int32)),
            "epoch": pa.array([closed.epoch] * closed.rows.num_rows, pa.string()),
        }
    )
    columns = {name: closed.rows.column(name) for name in closed.rows.schema.names}
    return arrow_block(
        "series_windows", pa.table({**dict(zip(whence.schema.names, whence.columns, strict=True)), **columns})
    )


def dead_letter_rows(letters: Sequence[DeadLetter]) -> Block:
    """A block of `dead_letters`: all but the bytes."""
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(letter, name) for letter in letters], pa.string())
        for name in ("topic", "epoch", "stage", "reason", "error")
    }
    columns["partition"] = pa.array([letter.partition for letter in letters], pa.int32())
    columns["offset"] = pa.array([letter.offset for letter in letters], pa.int64())
    columns["item_index"] = pa.array([letter.item_index for letter in letters], pa.int32())
    columns["size_bytes"] = pa.array([len(letter.value) for letter in letters], pa.uint64())
    seen = _times("first_seen", [letter.first_seen_ms for letter in letters])
    return arrow_block("dead_letters", pa.record_batch(columns), extra=[seen])


LABEL_COLUMNS = ("alertname", "severity", "service", "environment")
"""Labels that `alert_events` has as columns of their own."""


def alert_rows(alerts: Sequence[Alert]) -> Block:
    """A block of `alert_events`: each alert's state at its `updatedAt`."""
    columns: dict[str, pa.Array] = {
        "fingerprint": pa.array([alert.fingerprint for alert in alerts], pa.string()),
        "status": pa.array([alert.status for alert in alerts], pa.string()),
        "generator_url": pa.array([alert.generator_url for alert in alerts], pa.string()),
        "labels": _maps([alert.labels for alert in alerts]),
        "annotations": _maps([alert.annotations for alert in alerts]),
        "evidence": _maps([{key: str(value) for key, value in alert.evidence.items()} for alert in alerts]),
    }
    for name in LABEL_COLUMNS:
        columns[name] = pa.array([alert.labels.get(name, "") for alert in alerts], pa.string())
    ends = [alert.ends_at for alert in alerts]
    missing = np.array([end is None for end in ends], np.uint8)
    ends_ms = np.array([0 if end is None else round(end.timestamp() * 1000) for end in ends], np.int64)
    extra: list[Column] = [
        _times("updated_at", [round(alert.updated_at.timestamp() * 1000) for alert in alerts]),
        _times("starts_at", [round(alert.starts_at.timestamp() * 1000) for alert in alerts]),
        ("ends_at", "Nullable(DateTime64(3))", [missing, ends_ms]),
    ]
    return arrow_block("alert_events", pa.record_batch(columns), extra=extra)


def _times(name: str, values_ms: Sequence[int]) -> Column:
    return name, "DateTime64(3)", [np.array(values_ms, np.int64)]


def _maps(values: Sequence[dict[str, str]]) -> pa.Array:
    return pa.array([sorted(value.items()) for value in values], pa.map_(pa.string(), pa.string()))
