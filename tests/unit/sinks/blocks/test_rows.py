"""Blocks are pure functions of what they show."""

import pyarrow as pa

from pipeline.sinks.blocks.arrow_rows import arrow_block
from pipeline.sinks.blocks.span_rows import span_rows
from tests.support.spans import make_spans


def test_equal_columns_give_equal_bytes() -> None:
    spans = [{"name": f"op{n % 3}", "service": f"s{n % 2}", "end_ns": n} for n in range(30)]
    assert span_rows(*make_spans(spans), 1000) == span_rows(*make_spans(spans), 1000)


def test_no_spans_are_an_empty_block() -> None:
    block, left_out = span_rows(*make_spans([]), 1000)
    assert (block.rows, left_out) == (0, 0)


def test_a_slice_of_a_table_is_written_like_the_same_rows_alone() -> None:
    kind = pa.map_(pa.int32(), pa.float64())
    rows = [{"s": f"row{n}" * n, "m": [(n, 0.5), (n + 1, 1.0)][: n % 3]} for n in range(9)]
    schema = pa.schema([("s", pa.string()), ("m", kind)])
    whole = pa.RecordBatch.from_pylist(rows, schema=schema)
    alone = pa.RecordBatch.from_pylist(rows[3:7], schema=schema)
    assert arrow_block("t", whole.slice(3, 4)) == arrow_block("t", alone)
