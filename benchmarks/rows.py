"""Native rows: span columns → one block of `otel_traces`, spans per CPU-second. Goal: 1,000,000.

Spans of about 340 bytes with 7 attributes, 1,000 a record, five services. Decoding is not part of the time.
"""

import time

import numpy as np

from benchmarks.sample import request
from pipeline.model.records import Records
from pipeline.model.span_columns import SpanColumns
from pipeline.sinks.blocks.span_rows import span_rows
from pipeline.stages.decode import DecodeRules, decode

NOW_NS = 1_763_700_000_000_000_000
RECORDS = 50
SPANS = 1000
ROUNDS = 10


def main() -> None:
    """Print the figures."""
    columns, records = batch()
    span_rows(columns, records, 1000)
    best_s = min(_seconds(columns, records) for _ in range(ROUNDS))
    block, _ = span_rows(columns, records, 1000)
    rate = block.rows / best_s
    print(
        f"native rows: {rate:,.0f} spans per CPU-second (goal 1,000,000), {len(block.data) / block.rows:.0f} B a span"
    )


def batch() -> tuple[SpanColumns, Records]:
    """Decoded spans of one batch, always the same."""
    values = tuple(request(SPANS, NOW_NS - 10**12, seed) for seed in range(RECORDS))
    offsets = np.arange(RECORDS, dtype=np.int64)
    records = Records("otlp_spans", "0" * 32, 0, 0, RECORDS, values, offsets, np.full(RECORDS, NOW_NS // 10**6))
    return decode(records, DecodeRules(), rows=True).spans, records


def _seconds(columns: SpanColumns, records: Records) -> float:
    begun = time.process_time()
    span_rows(columns, records, 1000)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
