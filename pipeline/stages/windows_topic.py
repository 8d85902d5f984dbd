"""Window partials on the topic `tailrace.windows`: one record per batch and target partition, and back.

Promises: all series of one service of one environment go to one partition, so that a service is watched in one place; every target gets a
record, without rows where it has none, since each must hear how far the source was read. The same partials give the same bytes.
Does not know how many partitions there are.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import Never
from pipeline.kernels.window.sparse import BUCKETS_MAX
from pipeline.model.outcome import Message
from pipeline.model.window_partials import Range, WindowPartials
from schemas.columns import PARTIALS_METADATA, WINDOW_PARTIALS
from schemas.topics import WINDOWS


def messages(partials: WindowPartials, partitions: int) -> tuple[Message, ...]:
    """One message for each partition of `tailrace.windows`."""
    source = partials.source
    facts = (
        source.topic,
        source.epoch,
        source.partition,
        source.start_offset,
        source.end_offset,
        source.broker_time_min_ms,
        source.broker_time_max_ms,
    )
    schema = WINDOW_PARTIALS.with_metadata(dict(zip(PARTIALS_METADATA, map(str, facts), strict=True)))
    placed = place(partials.rows, partitions)
    return tuple(
        Message(WINDOWS, _stream(partials.rows.filter(pa.array(placed == target)), schema), partition=target)
        for target in range(partitions)
    )


def place(rows: pa.RecordBatch, partitions: int) -> npt.NDArray[np.int64]:
    """int64[rows]: the partition of each row, by environment and service alone."""
    both = pc.binary_join_element_wise(rows.column("environment"), rows.column("service"), "\x00")
    names = pc.dictionary_encode(both)
    texts = names.dictionary.to_pylist()
    targets = np.array([zlib.crc32(str(text).encode()) % partitions for text in texts], np.int64)
    placed: npt.NDArray[np.int64] = targets[names.indices.to_numpy(zero_copy_only=False)]
    return placed


def placed_at(environment: str, service: str, partitions: int) -> int:
    """The partition of one service: as `place` has it."""
    return zlib.crc32(f"{environment}\x00{service}".encode()) % partitions


def read(value: bytes) -> WindowPartials:
    """The partials of one record. Never (`malformed`) where it is not one."""
    try:
        with pa.ipc.open_stream(value) as stream:
            batches = list(stream)
            schema = stream.schema
        facts = _facts(schema.metadata or {})
        if not schema.equals(WINDOW_PARTIALS, check_metadata=False):
            raise ValueError("other columns than partials have")
        table = pa.Table.from_batches(batches, schema).replace_schema_metadata(None).combine_chunks()
        rows = (table.to_batches() or [pa.RecordBatch.from_pylist([], schema=WINDOW_PARTIALS)])[0]
        rows.validate(full=True)
        _check(rows)
    except (pa.ArrowException, ValueError, KeyError, OSError) as error:
        raise Never("malformed", f"a record of {WINDOWS} is not window partials: {error}") from error
    return WindowPartials(facts, rows)


def _check(rows: pa.RecordBatch) -> None:
    """What Arrow does not see to: nothing missing, and buckets that kernels may count in."""
    latency = rows.column("latency")
    if any(column.null_count for column in (*rows.columns, latency.items)):
        raise ValueError("a value is missing")
    least_most = pc.min_max(latency.keys)
    if len(latency.keys) and not -1 <= least_most["min"].as_py() <= least_most["max"].as_py() < BUCKETS_MAX - 1:
        raise ValueError("a bucket that no duration has")


def _stream(rows: pa.RecordBatch, schema: pa.Schema) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_batch(rows.replace_schema_metadata(schema.metadata))
    return bytes(sink.getvalue().to_pybytes())


def _facts(metadata: Mapping[bytes, bytes]) -> Range:
    topic, epoch, *numbers = (metadata[name.encode()].decode() for name in PARTIALS_METADATA)
    return Range(topic, epoch, *map(int, numbers))
