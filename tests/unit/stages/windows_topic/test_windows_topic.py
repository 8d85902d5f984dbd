"""Partials on their topic: nothing is lost on the way, what has one place stays together, and what is no record is named."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import Never
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.stages.windows_topic import messages, place, placed_at, read
from schemas.columns import WINDOW_PARTIALS
from schemas.families.spans import SPANS
from tests.support.second_family import JOBS

FAMILIES = {family.name: family for family in (SPANS, JOBS)}
SOURCE = Range("otlp_spans", "0" * 32, 3, 10, 20, 1_000, 2_000)

names = st.sampled_from(["", "shop", "pay", "stock", "büro"])
rows = st.fixed_dictionaries(
    {
        "window_start_s": st.integers(0, 2**36).map(lambda n: 10 * n),
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
    sent = messages(WindowPartials(SOURCE, batch, SPANS), n)
    assert [message.partition for message in sent] == list(range(n))
    got = [read(message.value, FAMILIES) for message in sent]
    assert {partials.source for partials in got} == {SOURCE}
    targets = place(WindowPartials(SOURCE, batch, SPANS), n)
    for target, partials in enumerate(got):
        assert partials.rows.equals(batch.filter(pa.array(targets == target)))
    assert messages(WindowPartials(SOURCE, batch, SPANS), n) == sent


@settings(deadline=None)
@given(batches, st.integers(1, 7))
def test_a_service_stays_together(batch: pa.RecordBatch, n: int) -> None:
    homes: dict[tuple[str, str], int] = {}
    for row, target in zip(batch.to_pylist(), place(WindowPartials(SOURCE, batch, SPANS), n), strict=True):
        assert homes.setdefault((row["environment"], row["service"]), int(target)) == target


@pytest.mark.parametrize("value", [b"", b"no arrow", b"\xff\xff\xff\xff\x10\x00\x00\x00"])
def test_other_bytes_are_malformed(value: bytes) -> None:
    with pytest.raises(Never, match="not window partials"):
        read(value, FAMILIES)


@settings(deadline=None)
@given(batches.filter(lambda batch: batch.num_rows > 0), st.integers(0, 10_000), st.integers(0, 255))
def test_a_damaged_record_is_partials_or_malformed_but_no_crash(batch: pa.RecordBatch, at: int, byte: int) -> None:
    value = bytearray(messages(WindowPartials(SOURCE, batch, SPANS), 1)[0].value)
    value[at % len(value)] = byte
    try:
        partials = read(bytes(value), FAMILIES)
    except Never:
        return
    assert partials.rows.schema == WINDOW_PARTIALS


@pytest.mark.parametrize("bucket", [-2, 4095, 2**31 - 1])
def test_a_bucket_that_no_duration_has_is_malformed_and_reaches_no_kernel(bucket: int) -> None:
    row = dict.fromkeys(WINDOW_PARTIALS.names, 0) | dict.fromkeys(
        ("environment", "service", "version", "operation", "kind", "status"), ""
    )
    good = pa.RecordBatch.from_pylist([row | {"latency": [(4094, 1.0), (-1, 1.0)]}], schema=WINDOW_PARTIALS)
    assert read(messages(WindowPartials(SOURCE, good, SPANS), 1)[0].value, FAMILIES).rows.equals(good)
    bad = pa.RecordBatch.from_pylist([row | {"latency": [(bucket, 1.0)]}], schema=WINDOW_PARTIALS)
    with pytest.raises(Never, match="a bucket that no value has"):
        read(messages(WindowPartials(SOURCE, bad, SPANS), 1)[0].value, FAMILIES)


JOB = {"window_start_s": 10, "region": "eu", "queue": "mail", "task": "send", "outcome": "failed"} | {
    "waited_us": 7,
    "jobs": 1,
    "cost": 1.5,
    "waited_us_max": 7,
    "waits": [(3, 1.0)],
}


def jobs(*queues: str) -> WindowPartials:
    rows = [JOB | {"queue": queue, "region": str(number)} for number, queue in enumerate(queues)]
    return WindowPartials(SOURCE, pa.RecordBatch.from_pylist(rows, schema=JOBS.partials), JOBS)


def test_a_record_tells_its_family_and_one_that_tells_none_is_of_spans() -> None:
    (of_jobs,) = messages(jobs("mail"), 1)
    (of_spans,) = messages(WindowPartials(SOURCE, pa.RecordBatch.from_pylist([], schema=WINDOW_PARTIALS), SPANS), 1)
    with pa.ipc.open_stream(of_jobs.value) as stream:
        assert stream.schema.metadata[b"family"] == b"jobs"
    with pa.ipc.open_stream(of_spans.value) as stream:
        assert b"family" not in stream.schema.metadata
    assert (read(of_jobs.value, FAMILIES).family, read(of_spans.value, FAMILIES).family) == (JOBS, SPANS)
    assert read(of_jobs.value, FAMILIES).rows.equals(jobs("mail").rows)


@given(st.lists(names, min_size=1, max_size=10), st.integers(1, 7))
def test_what_a_family_places_together_stays_together_and_where_its_keys_say(queues: list[str], n: int) -> None:
    targets = place(jobs(*queues), n).tolist()
    assert targets == [placed_at((queue,), n) for queue in queues]


@given(names, names, st.integers(1, 7))
def test_a_service_is_placed_where_its_keys_say(environment: str, service: str, n: int) -> None:
    row = dict.fromkeys(WINDOW_PARTIALS.names, 0) | dict.fromkeys(SPANS.partial_keys, "")
    keys = {"environment": environment, "service": service}
    batch = pa.RecordBatch.from_pylist([row | keys | {"latency": []}], schema=WINDOW_PARTIALS)
    assert place(WindowPartials(SOURCE, batch, SPANS), n).tolist() == [placed_at((environment, service), n)]


def test_a_family_that_is_not_known_is_told_by_its_name() -> None:
    value = messages(jobs("mail"), 1)[0].value
    with pytest.raises(Never, match="of the family 'jobs', which this worker lacks") as told:
        read(value, {SPANS.name: SPANS})
    assert told.value.reason == "unknown_family"


def test_columns_of_another_family_are_malformed() -> None:
    with pa.ipc.open_stream(messages(jobs("mail"), 1)[0].value) as stream:
        table = stream.read_all()
    sink = pa.BufferOutputStream()
    metadata = {key: value for key, value in table.schema.metadata.items() if key != b"family"}
    with pa.ipc.new_stream(sink, table.schema.with_metadata(metadata)) as writer:
        writer.write_table(table.replace_schema_metadata(metadata))
    with pytest.raises(Never, match="other columns than partials of spans have"):
        read(sink.getvalue().to_pybytes(), FAMILIES)


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.0, 2.0**46])
@pytest.mark.parametrize("where", ["cost", "waits"])
def test_a_weight_that_cannot_be_counted_is_malformed_and_reaches_no_sum(weight: float, where: str) -> None:
    row = JOB | ({"cost": weight} if where == "cost" else {"waits": [(3, weight)]})
    bad = WindowPartials(SOURCE, pa.RecordBatch.from_pylist([row], schema=JOBS.partials), JOBS)
    with pytest.raises(Never, match="a weight that can't be counted"):
        read(messages(bad, 1)[0].value, FAMILIES)


@pytest.mark.parametrize("start_s", [5, -10, 1_700_000_001])
def test_a_window_that_no_stage_1_makes_is_malformed_and_shifts_no_others(start_s: int) -> None:
    bad = pa.RecordBatch.from_pylist([JOB | {"window_start_s": start_s}], schema=JOBS.partials)
    with pytest.raises(Never, match="a window that begins where none does"):
        read(messages(WindowPartials(SOURCE, bad, JOBS), 1)[0].value, FAMILIES)
