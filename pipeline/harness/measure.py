"""What is counted of a batch once it is committed: records, bytes, what its work counted, how fresh its rows are."""

import numpy as np

from pipeline.harness.types import Telemetry
from pipeline.model.outcome import ITEMS, Outcome
from pipeline.model.records import Records


def count(telemetry: Telemetry, records: Records, outcome: Outcome, visible_ns: int) -> None:
    """Count one batch. `visible_ns`: wall-clock time at which its last rows were in."""
    topic = records.topic
    telemetry.count("records", len(records.values), topic=topic)
    if records.lost:
        telemetry.count("records_lost", sum(one.last + 1 - one.first for one in records.lost), topic=topic)
    telemetry.count("bytes", records.size_bytes, topic=topic)
    telemetry.observe("batch_records", len(records.values), topic=topic)
    telemetry.observe("batch_bytes", records.size_bytes, topic=topic)
    for name, amount in outcome.counts.items():
        telemetry.count(name, amount, **({"topic": topic} if name == ITEMS else {}))
    if sampled := len(outcome.item_ends_ns):
        delays_s = np.maximum(visible_ns - outcome.item_ends_ns, 0) / 1e9
        each = outcome.counts.get(ITEMS, sampled) / sampled
        telemetry.observe_many("visible_seconds", delays_s, each, topic=topic)
