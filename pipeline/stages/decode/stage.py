"""Decode: one range's records, protobuf or JSON, to span columns and dead letters.

Promises: a pure function of the records and the rules. A malformed record hurts no other, a malformed span no other span, where the bytes
around it are sound; a broken resource costs its own spans. What it gives is bounded by what it takes, whatever that is. With `rows=False`
attributes, events and links are checked the same but not kept: both ways the same spans live. Refuses what protobuf refuses, and groups
besides: protobuf's parsers pass over unknown ones, OTLP has none.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pipeline.kernels.wire.codes import BAD_TIME, MALFORMED
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
from pipeline.model.span_columns import I64, U8
from pipeline.stages.decode import letters
from pipeline.stages.decode.arena import joined
from pipeline.stages.decode.columns import span_columns
from pipeline.stages.decode.otlp_json import Translation, json_records, translated
from pipeline.stages.decode.rules import Decoded, DecodeRules
from pipeline.stages.decode.signals import SPANS
from pipeline.stages.decode.tables import Bounds, Scanned, scanned

DAY_NS = 86_400_000_000_000
EVER_NS = 1 << 62
FIRST_MS, LAST_MS = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100: a producer may write any time into a record, or none (-1), and one outside of these is none."""


def decode(records: Records, rules: DecodeRules, *, rows: bool) -> Decoded:
    """Columns of all sound spans, in input order, and letters of all else. Every record has a time (see `dated`).

    Per span 0.25 us without rows, 0.3 us with 7 attributes (`python -m benchmarks decode`: 4.1 and 3.4 M spans a CPU-second); JSON is translated to
    protobuf first by Python, which is far slower.
    """
    translation, buffer, start, tables = scan_of(records, rules, rows=rows)
    dead = letters.of_codes(records, tables, translation.bad_records)
    dead += letters.of_spans(records, buffer, tables, translation.bad_spans)
    columns, cuts = span_columns(buffer, int(start[-1]), tables, rules, rows=rows)
    dead_records = int(np.count_nonzero(tables.record_codes))
    return Decoded(columns, tuple(dead), dead_records, _counts(tables, cuts))


def scan_of(
    records: Records, rules: DecodeRules, *, rows: bool, known: Translation | None = None
) -> tuple[Translation, U8, I64, Scanned[Tables]]:
    """(what JSON became, the arena, where each record begins in it, all tables): decoding without what it gives.

    `known` is what JSON became, where that has been done already.
    """
    translation = known or translated(records.values, json_records(records.values))
    buffer, start = joined(translation.values)
    times = records.timestamps_ms * 1_000_000
    limit = times + rules.future_limit_s * 1_000_000_000
    bounds = Bounds(times, times - rules.retain_spans_d * DAY_NS, limit, rules.attributes_max, letters.OF_RECORD_MAX)
    codes = _codes(translation)
    codes[(codes == 0) & ~_can_be(records.timestamps_ms)] = BAD_TIME
    return translation, buffer, start, scanned(buffer, start, codes, bounds, SPANS, with_rows=rows)


def dated(records: Records, rules: DecodeRules) -> Records:
    """The records, each with a time that can be: one that Kafka has none of is as old as the middle one of its spans by their ends.

    Without a span it is as old as the newest record that has a time. Where its spans say none either, it keeps none (0), and `decode` gives it up. The
    rule is a pure one, so that a rebuilt batch is equal.
    """
    missing = np.flatnonzero(~_can_be(records.timestamps_ms))
    if not len(missing):
        return records
    values = [records.values[at] for at in missing.tolist()]
    translation = translated(values, json_records(values))
    buffer, start = joined(translation.values)
    ever = np.full(len(values), EVER_NS, np.int64)
    bounds = Bounds(ever, -ever, ever, rules.attributes_max, letters.OF_RECORD_MAX)
    tables = scanned(buffer, start, _codes(translation), bounds, SPANS, with_rows=False)
    spans = tables.rows[LEAVES]
    owner, ends_ms = tables.tables.columns.record[:spans], tables.tables.columns.end_ns[:spans] // 1_000_000
    times = records.timestamps_ms.copy()
    times[missing] = max((int(known) for known in times[_can_be(times)]), default=FIRST_MS)
    for number in np.unique(owner).tolist():
        mine = np.sort(ends_ms[owner == number])
        middle = mine[len(mine) // 2]
        times[missing[number]] = middle if _can_be(middle) else 0
    return replace(records, timestamps_ms=times)


def _can_be(times_ms: I64) -> npt.NDArray[np.bool_]:
    return np.asarray((times_ms >= FIRST_MS) & (times_ms < LAST_MS))


def _codes(translation: Translation) -> I64:
    codes = np.zeros(len(translation.values), np.int64)
    codes[list(translation.bad_records)] = MALFORMED
    return codes


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
