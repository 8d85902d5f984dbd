"""Decode: one range's records, protobuf or JSON, to span columns and dead letters.

Promises: a pure function of the records and the rules. A malformed record hurts no other, a malformed span no other
span, where the bytes around it are sound; a broken resource costs its own spans. What it gives is bounded by what it
takes, whatever that is. With `rows=False` attributes, events and links are checked the same but not kept: both ways the
same spans live. Refuses what protobuf refuses, and groups besides: protobuf's parsers pass over unknown ones, OTLP has
none.
"""

from dataclasses import replace

import numpy as np

from pipeline.kernels.wire.counted import (
    CLAMPED_ENDS,
    CLAMPED_STARTS,
    CLAMPED_WEIGHTS,
    CUT_NAMES,
    DROPPED,
    DUPLICATES,
    MENDED_STARTS,
    REFERENCES,
)
from pipeline.kernels.wire.frames import BAD, LEAVES
from pipeline.kernels.wire.leaves.span_columns import Tables
from pipeline.model.records import Records
from pipeline.stages.decode import letters
from pipeline.stages.decode.arena import joined
from pipeline.stages.decode.columns import span_columns
from pipeline.stages.decode.otlp_json import json_records, translated
from pipeline.stages.decode.rules import Decoded, DecodeRules
from pipeline.stages.decode.scan import FIRST_MS, can_be, codes_of, scan_of
from pipeline.stages.decode.signals import SPANS
from pipeline.stages.decode.tables import Bounds, Scanned, scanned

EVER_NS = 1 << 62


def decode(records: Records, rules: DecodeRules, *, rows: bool) -> Decoded:
    """Columns of all sound spans, in input order, and letters of all else. Every record has a time (see `dated`).

    Per span 0.25 us without rows, 0.3 us with 7 attributes (`python -m benchmarks decode`: 4.1 and 3.4 M spans a
    CPU-second); JSON is translated to protobuf first by Python, which is far slower.
    """
    translation, buffer, start, tables = scan_of(records, rules, SPANS, rows=rows)
    dead = letters.of_codes(records, tables, translation.bad_records)
    dead += letters.of_leaves(records, buffer, tables, translation.bad_leaves)
    columns, cuts = span_columns(buffer, int(start[-1]), tables, rules, rows=rows)
    dead_records = int(np.count_nonzero(tables.record_codes))
    return Decoded(columns, tuple(dead), dead_records, _counts(tables, cuts))


def dated(records: Records, rules: DecodeRules) -> Records:
    """The records, each with a time that can be.

    One that Kafka has none of is as old as the middle one of its spans by their ends.

    Without a span it is as old as the newest record that has a time. Where its spans say none either, it keeps none
    (0), and `decode` gives it up. The rule is a pure one, so that a rebuilt batch is equal.
    """
    missing = np.flatnonzero(~can_be(records.timestamps_ms))
    if not len(missing):
        return records
    values = [records.values[at] for at in missing.tolist()]
    translation = translated(values, json_records(values))
    buffer, start = joined(translation.values)
    ever = np.full(len(values), EVER_NS, np.int64)
    bounds = Bounds(ever, -ever, ever, rules.attributes_max, letters.OF_RECORD_MAX)
    tables = scanned(buffer, start, codes_of(translation), bounds, SPANS, with_rows=False)
    spans = tables.rows[LEAVES]
    owner, ends_ms = tables.tables.columns.record[:spans], tables.tables.columns.end_ns[:spans] // 1_000_000
    times = records.timestamps_ms.copy()
    times[missing] = max((int(known) for known in times[can_be(times)]), default=FIRST_MS)
    for number in np.unique(owner).tolist():
        mine = np.sort(ends_ms[owner == number])
        middle = mine[len(mine) // 2]
        times[missing[number]] = middle if can_be(middle) else 0
    return replace(records, timestamps_ms=times)


def _counts(tables: Scanned[Tables], cuts: int) -> dict[str, int]:
    counted = tables.counted
    return {
        "spans": tables.rows[LEAVES],
        "dead_spans": tables.rows[BAD] + int(tables.more_bad.sum()),
        "broken_owners": tables.broken_owners,
        "ends_clamped": int(counted[CLAMPED_ENDS]),
        "starts_clamped": int(counted[CLAMPED_STARTS]),
        "starts_mended": int(counted[MENDED_STARTS]),
        "weights_clamped": int(counted[CLAMPED_WEIGHTS]),
        "attributes_dropped": int(counted[DROPPED]),
        "attributes_repeated": int(counted[DUPLICATES]),
        "references_dropped": int(counted[REFERENCES]),
        "names_cut": int(counted[CUT_NAMES]),
        "attribute_values_cut": cuts,
    }
