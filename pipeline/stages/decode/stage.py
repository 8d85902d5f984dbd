"""Decode: one range's records, protobuf or JSON, to span columns and dead letters.

Promises: a pure function of the records and the rules. A malformed record hurts no other, a malformed span no other span, where the bytes
around it are sound. With `rows=False` attributes, events and links are checked the same but not kept: both ways the same spans live.
Refuses what protobuf refuses, and groups besides: protobuf's parsers pass over unknown ones, OTLP has none.
"""

import numpy as np

from pipeline.kernels.wire.codes import MALFORMED
from pipeline.kernels.wire.frames import BAD_SPANS, SPANS
from pipeline.kernels.wire.spans import CLAMPED_ENDS, CLAMPED_STARTS, CLAMPED_WEIGHTS, DROPPED, MENDED_STARTS, Rules
from pipeline.model.records import Records
from pipeline.stages.decode import letters
from pipeline.stages.decode.arena import joined
from pipeline.stages.decode.columns import span_columns
from pipeline.stages.decode.otlp_json import json_records, translated
from pipeline.stages.decode.rules import Decoded, DecodeRules
from pipeline.stages.decode.tables import Scanned, scanned

DAY_NS = 86_400_000_000_000
LETTERS_OF_RECORD_MAX = 100_000
"""A record with more bad spans goes to dead letters as a whole."""
LETTERS_OF_SPANS_MAX = 16 << 20
"""A record whose bad spans, each with its resource, would make more bytes than this and four times its own does so too."""


def decode(records: Records, rules: DecodeRules, *, rows: bool) -> Decoded:
    """Columns of all sound spans, in input order, and letters of all else.

    Per span 0.25 us without rows, 0.3 us with 7 attributes (`python -m benchmarks decode`: 4.1 and 3.4 M spans a CPU-second); JSON is translated to
    protobuf first by Python, which is far slower.
    """
    translation = translated(records.values, json_records(records.values))
    buffer, start = joined(translation.values)
    codes = np.zeros(len(records.values), np.int64)
    codes[list(translation.bad_records)] = MALFORMED
    times = records.timestamps_ms * 1_000_000
    wire = Rules(
        times - rules.retain_spans_d * DAY_NS,
        times + rules.future_limit_s * 1_000_000_000,
        1.0 / rules.sample_rate,
        rules.attributes_max,
        LETTERS_OF_RECORD_MAX,
    )
    tables = scanned(buffer, start, codes, wire, with_rows=rows)
    if tables.rows[BAD_SPANS] and _give_up_on(tables, records):
        tables = scanned(buffer, start, codes, wire, with_rows=rows)
    dead = letters.of_codes(records, tables, translation.bad_records)
    dead += letters.of_spans(records, buffer, tables, translation.bad_spans)
    columns, cuts = span_columns(buffer, int(start[-1]), tables, rules.attribute_value_max, rows=rows)
    dead_records = int(np.count_nonzero(tables.record_codes))
    return Decoded(columns, tuple(dead), dead_records, _counts(tables, cuts))


def _give_up_on(tables: Scanned, records: Records) -> bool:
    """Give a record up as a whole where letters of its spans would multiply its bytes without bound; whether there is one."""
    n, bad = tables.rows[BAD_SPANS], tables.tables.bad
    record = bad.record[:n]
    sizes = np.bincount(record, letters.request_sizes(tables), len(records.values))
    own = np.array([len(value) for value in records.values]) if sizes.max() > LETTERS_OF_SPANS_MAX else 0
    given_up = np.flatnonzero(sizes > LETTERS_OF_SPANS_MAX + 4 * own)
    first = np.searchsorted(record, given_up)
    tables.record_codes[given_up] = bad.code[first]
    return bool(len(given_up))


def _counts(tables: Scanned, cuts: int) -> dict[str, int]:
    counted = tables.counted
    return {
        "spans": tables.rows[SPANS],
        "dead_spans": tables.rows[BAD_SPANS],
        "ends_clamped": int(counted[CLAMPED_ENDS]),
        "starts_clamped": int(counted[CLAMPED_STARTS]),
        "starts_mended": int(counted[MENDED_STARTS]),
        "weights_clamped": int(counted[CLAMPED_WEIGHTS]),
        "attributes_dropped": int(counted[DROPPED]),
        "attribute_values_cut": cuts,
    }
