"""Partials on their topic: nothing is lost on the way, a service stays together, and what is no record is named."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Never
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.windows_topic import messages, place, read
from schemas.columns import WINDOW_PARTIALS

SOURCE = Range("otlp_spans", "0" * 32, 3, 10, 20, 1_000, 2_000)

names = st.sampled_from(["", "shop", "pay", "stock", "büro"])
rows = st.fixed_dictionaries(
    {
        "window_start_s": st.integers(0, 2**40),
        "environment": names,
        "service": names,
        "version": names,
        "operation": st.text(max_size=5),
        "kind": st.just("server"),
        "status": st.sampled_from(["ok", "error"]),
        "spans": st.integers(0, 2**63),
        "calls": st.floats(0, 1e9),
        "duration_ns": st.integers(0, 2**63),
        "satisfied": st.floats(0, 1e9),
        "tolerating": st.floats(0, 1e9),
        "duration_ns_min": st.integers(0, 2**63),
        "duration_ns_max": st.integers(0, 2**63),
        "latency": st.dictionaries(st.integers(-1, 4094), st.floats(0, 1e9), max_size=3).map(
            lambda buckets: sorted(buckets.items())
        ),
    }
)
batches = st.lists(rows, max_size=10).map(lambda some: pa.RecordBatch.from_pylist(some, schema=WINDOW_PARTIALS))


@settings(deadline=None)
@given(batches, st.integers(1, 7))
def test_every_row_arrives_at_one_partition_and_every_partition_hears_the_range(batch: pa.RecordBatch, n: int) -> None:
    sent = messages(WindowPartials(SOURCE, batch), n)
    assert [message.partition for message in sent] == list(range(n))
    got = [read(message.value) for message in sent]
    assert {partials.source for partials in got} == {SOURCE}
    targets = place(batch, n)
    for target, partials in enumerate(got):
        assert partials.rows.equals(batch.filter(pa.array(targets == target)))
    assert messages(WindowPartials(SOURCE, batch), n) == sent


@settings(deadline=None)
@given(batches, st.integers(1, 7))
def test_a_service_stays_together(batch: pa.RecordBatch, n: int) -> None:
    homes: dict[tuple[str, str], int] = {}
    for row, target in zip(batch.to_pylist(), place(batch, n), strict=True):
        assert homes.setdefault((row["environment"], row["service"]), int(target)) == target


@pytest.mark.parametrize("value", [b"", b"no arrow", b"\xff\xff\xff\xff\x10\x00\x00\x00"])
def test_other_bytes_are_malformed(value: bytes) -> None:
    with pytest.raises(Never, match="not window partials"):
        read(value)


@settings(deadline=None)
@given(batches.filter(lambda batch: batch.num_rows > 0), st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_record_is_partials_or_malformed_but_no_crash(batch: pa.RecordBatch, at: int, byte: int) -> None:
    value = bytearray(messages(WindowPartials(SOURCE, batch), 1)[0].value)
    value[at % len(value)] = byte
    try:
        partials = read(bytes(value))
    except Never:
        return
    assert partials.rows.schema == WINDOW_PARTIALS


@pytest.mark.parametrize("bucket", [-2, 4095, 2**31 - 1])
def test_a_bucket_that_no_duration_has_is_malformed_and_reaches_no_kernel(bucket: int) -> None:
    row = dict.fromkeys(WINDOW_PARTIALS.names, 0) | dict.fromkeys(
        ("environment", "service", "version", "operation", "kind", "status"), ""
    )
    good = pa.RecordBatch.from_pylist([row | {"latency": [(4094, 1.0), (-1, 1.0)]}], schema=WINDOW_PARTIALS)
    assert read(messages(WindowPartials(SOURCE, good), 1)[0].value).rows.equals(good)
    bad = pa.RecordBatch.from_pylist([row | {"latency": [(bucket, 1.0)]}], schema=WINDOW_PARTIALS)
    with pytest.raises(Never, match="a bucket that no duration has"):
        read(messages(WindowPartials(SOURCE, bad), 1)[0].value)
