"""Our reading of record batches equals aiokafka's, over batches that aiokafka's builder makes; broken ones are refused, never read past."""

from __future__ import annotations

import numpy as np
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kafka.columns import DECODERS
from pipeline.kafka.record_batches.read import Columns, CorruptBatchError, OldFormatError, RecordSet, read

Record = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]
Batch = tuple[int, list[Record]]
"""(compression, records)."""
texts = st.one_of(st.none(), st.binary(max_size=40))
records = st.tuples(st.integers(0, 2**40), texts, texts, st.lists(st.tuples(st.text(max_size=5), texts), max_size=2))
groups = st.lists(st.tuples(st.integers(0, 4), st.lists(records, min_size=1, max_size=6)), min_size=1, max_size=6)


def log(made: list[Batch]) -> bytes:
    """Batches one behind the other, offsets counting on from 0."""
    pieces, offset = [], 0
    for codec, batch in made:
        builder = DefaultRecordBatchBuilder(
            magic=2,
            compression_type=codec,
            is_transactional=0,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            batch_size=1 << 20,
        )
        for n, (at_ms, key, value, headers) in enumerate(batch):
            assert builder.append(n, timestamp=at_ms, key=key, value=value, headers=headers)
        piece = bytearray(builder.build())
        piece[:8] = offset.to_bytes(8, "big")
        pieces.append(bytes(piece))
        offset += len(batch)
    return b"".join(pieces)


def ours(buffer: bytes, first: int = 0) -> tuple[Columns, int]:
    return read(RecordSet("t", 0, first, [], np.frombuffer(buffer, np.uint8)), DECODERS, check_crcs=True)


@settings(deadline=None)
@given(groups, st.integers(0, 8), st.integers(0, 60))
def test_the_same_records_as_aiokafka_reads(
    made: list[Batch],
    first: int,
    cut: int,
) -> None:
    whole = log(made)
    expected = []
    theirs = MemoryRecords(whole)
    while theirs.has_next():
        expected += [(r.offset, r.timestamp, r.value or b"") for r in theirs.next_batch()]
    columns, after = ours(whole + whole[:cut], first)
    found = list(zip(columns.offsets.tolist(), columns.timestamps_ms.tolist(), columns.values, strict=True))
    assert found == [each for each in expected if each[0] >= first]
    assert after == max(first, len(expected))


@settings(deadline=None)
@given(groups, st.data())
def test_a_flipped_bit_is_noticed(
    made: list[Batch],
    data: st.DataObject,
) -> None:
    broken = bytearray(log(made[:1]))
    place = data.draw(st.integers(17, len(broken) - 1))
    broken[place] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(CorruptBatchError):
        ours(bytes(broken))


@settings(deadline=None)
@given(groups, st.data())
def test_whatever_stands_there_nothing_is_read_past_the_end(
    made: list[Batch],
    data: st.DataObject,
) -> None:
    broken = bytearray(log(made))
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    at_most = len(broken)
    try:
        columns, _ = read(RecordSet("t", 0, 0, [], np.frombuffer(bytes(broken), np.uint8)), DECODERS, check_crcs=False)
    except (CorruptBatchError, OldFormatError):
        return
    assert columns.values.size_bytes <= 400 * at_most


def test_messages_of_the_time_before_batches_are_refused() -> None:
    old = bytearray(log([(0, [(1, None, b"x", [])])]))
    old[16] = 1
    with pytest.raises(OldFormatError):
        ours(bytes(old))


def test_the_brokers_time_replaces_the_producers() -> None:
    batch = bytearray(log([(0, [(5, None, b"x", []), (9, None, b"y", [])])]))
    batch[22] |= 8
    batch[35:43] = (77).to_bytes(8, "big")
    columns, _ = read(RecordSet("t", 0, 0, [], np.frombuffer(bytes(batch), np.uint8)), DECODERS, check_crcs=False)
    assert columns.timestamps_ms.tolist() == [77, 77]
