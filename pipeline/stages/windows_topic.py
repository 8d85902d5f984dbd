"""Window partials on the topic `tailrace.windows`: one record per batch, family and target partition, and back.

A record names its family in the schema's metadata; one without that is of spans (`UNNAMED`), which came before there were others.

Promises: all series of one place (`family.place`; of spans: a service of an environment) go to one partition, so that what belongs together is
watched together; every target gets a record, without rows where it has none, since each must hear how far the source was read. The same
partials give the same bytes. Does not know how many partitions there are, nor which families: it is handed both.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import Never
from pipeline.kernels.window.sparse import BUCKETS_MAX
from pipeline.model.outcome import Message
from pipeline.model.window_partials import Range, WindowPartials
from schemas.columns import PARTIALS_METADATA, WINDOW_S
from schemas.families.base import Family, Kind
from schemas.topics import WINDOWS

FAMILY_METADATA = "family"
UNNAMED = "spans"
"""The family of records that name none."""
WEIGHT_MAX = 2.0**46
"""Weights are counted in units of 2^-16, as whole numbers of 64 bits."""
_BETWEEN = "\x00"


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
    family = partials.family
    metadata = dict(zip(PARTIALS_METADATA, map(str, facts), strict=True))
    if family.name != UNNAMED:
        metadata[FAMILY_METADATA] = family.name
    schema = family.partials.with_metadata(metadata)
    placed = place(partials, partitions)
    return tuple(
        Message(WINDOWS, _stream(partials.rows.filter(pa.array(placed == target)), schema), partition=target)
        for target in range(partitions)
    )


def place(partials: WindowPartials, partitions: int) -> npt.NDArray[np.int64]:
    """int64[rows]: the partition of each row, by the family's place keys alone."""
    keys = [partials.rows.column(key) for key in partials.family.place]
    names = pc.dictionary_encode(pc.binary_join_element_wise(*keys, _BETWEEN))
    texts = names.dictionary.to_pylist()
    targets = np.array([zlib.crc32(str(text).encode()) % partitions for text in texts], np.int64)
    placed: npt.NDArray[np.int64] = targets[names.indices.to_numpy(zero_copy_only=False)]
    return placed


def placed_at(keys: Sequence[str], partitions: int) -> int:
    """The partition of what has these place keys: as `place` has it."""
    return zlib.crc32(_BETWEEN.join(keys).encode()) % partitions


def read(value: bytes, families: Mapping[str, Family]) -> WindowPartials:
    """The partials of one record. Never: `malformed` where it is not one, `unknown_family` where it is of none of these."""
    try:
        with pa.ipc.open_stream(value) as stream:
            batches = list(stream)
            schema = stream.schema
        facts = _facts(schema.metadata or {})
        name = (schema.metadata or {}).get(FAMILY_METADATA.encode(), UNNAMED.encode()).decode()
        if (family := families.get(name)) is None:
            raise Never(
                "unknown_family", f"a record of {WINDOWS} is of the family {name[:80]!r}, which this worker lacks"
            )
        if not schema.equals(family.partials, check_metadata=False):
            raise ValueError(f"other columns than partials of {family.name} have")
        table = pa.Table.from_batches(batches, schema).replace_schema_metadata(None).combine_chunks()
        rows = (table.to_batches() or [pa.RecordBatch.from_pylist([], schema=family.partials)])[0]
        rows.validate(full=True)
        _check(rows, family)
    except (pa.ArrowException, ValueError, KeyError, OSError) as error:
        raise Never("malformed", f"a record of {WINDOWS} is not window partials: {error}") from error
    return WindowPartials(facts, rows, family)


def _check(rows: pa.RecordBatch, family: Family) -> None:
    """What Arrow does not see to: nothing missing, windows and weights that there are, and buckets that kernels may count in."""
    if any(column.null_count for column in rows.columns):
        raise ValueError("a value is missing")
    starts = rows.column("window_start_s").to_numpy()
    if np.any((starts < 0) | (starts % WINDOW_S != 0)):
        raise ValueError("a window that begins where none does")
    weights = [rows.column(one.name) for one in family.sums if one.part is None and one.kind is Kind.WEIGHTED]
    sketch = rows.column(family.sketch) if family.sketch else None
    if sketch is not None:
        if sketch.items.null_count:
            raise ValueError("a value is missing")
        weights.append(sketch.items)
    if not all(_are_weights(column.to_numpy()) for column in weights):
        raise ValueError("a weight that can't be counted")
    if sketch is None:
        return
    least_most = pc.min_max(sketch.keys)
    if len(sketch.keys) and not -1 <= least_most["min"].as_py() <= least_most["max"].as_py() < BUCKETS_MAX - 1:
        raise ValueError("a bucket that no value has")


def _are_weights(values: npt.NDArray[np.float64]) -> bool:
    """Whether whole units of all of them fit; not so of infinity and nan."""
    return bool(np.all((values >= 0) & (values < WEIGHT_MAX)))


def _stream(rows: pa.RecordBatch, schema: pa.Schema) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as stream:
        stream.write_batch(rows.replace_schema_metadata(schema.metadata))
    return bytes(sink.getvalue().to_pybytes())


def _facts(metadata: Mapping[bytes, bytes]) -> Range:
    topic, epoch, *numbers = (metadata[name.encode()].decode() for name in PARTIALS_METADATA)
    return Range(topic, epoch, *map(int, numbers))
