"""Our reading of record batches equals aiokafka's, over batches that aiokafka's builder makes; a broken one is told and costs its neighbours nothing."""

from __future__ import annotations

import gzip
import resource

import lz4.frame
import numpy as np
import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from backports import zstd
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kafka.record_batches.read import BATCH_MAX_BYTES, Reading, RecordSet, compressed, read
from pipeline.kafka.record_batches.unpack import UNPACK, UnpackError

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


def ours(buffer: bytes, first: int = 0, *, check_crcs: bool = True) -> Reading:
    return read(RecordSet("t", 0, first, [], np.frombuffer(buffer, np.uint8)), check_crcs=check_crcs)


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
    reading = ours(whole + whole[:cut], first)
    columns, after = reading.columns, reading.after
    assert (reading.lost, reading.unreadable) == ((), "")
    found = list(zip(columns.offsets.tolist(), columns.timestamps_ms.tolist(), columns.values, strict=True))
    assert found == [each for each in expected if each[0] >= first]
    assert after == max(first, len(expected))


@settings(deadline=None)
@given(groups, st.data())
def test_a_flipped_bit_is_noticed(made: list[Batch], data: st.DataObject) -> None:
    broken = bytearray(log(made[:1]))
    place = data.draw(st.integers(17, len(broken) - 1))
    broken[place] ^= 1 << data.draw(st.integers(0, 7))
    reading = ours(bytes(broken))
    assert reading.doubt is not None
    assert len(reading.columns.offsets) == 0
    assert reading.lost or reading.unreadable
    assert ours(bytes(broken)).doubt == reading.doubt, "the same twice is to be believed"


@settings(deadline=None)
@given(groups, st.data(), st.booleans())
def test_whatever_stands_there_nothing_is_raised_and_nothing_is_read_past_the_end(
    made: list[Batch], data: st.DataObject, check_crcs: bool
) -> None:
    broken = bytearray(log(made))
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    reading = ours(bytes(broken), check_crcs=check_crcs)
    assert reading.columns.values.size_bytes <= 400 * len(broken)
    assert reading.after >= 0
    assert (np.diff(reading.columns.offsets) > 0).all()
    for one in reading.lost:
        assert one.first <= one.last
        assert not ((reading.columns.offsets >= one.first) & (reading.columns.offsets <= one.last)).any()


def batch(body: bytes, codec: int, count: int, base: int = 0) -> bytes:
    """One batch with a right checksum around any body: what a producer may send, and a broker keeps."""
    behind = b"".join(
        (
            codec.to_bytes(2, "big"),
            (count - 1).to_bytes(4, "big"),
            bytes(8),
            bytes(8),
            b"\xff" * 14,
            count.to_bytes(4, "big"),
            body,
        )
    )
    head = bytes(4) + b"\x02" + crc32c(behind).to_bytes(4, "big")
    return base.to_bytes(8, "big") + (len(head) + len(behind)).to_bytes(4, "big") + head + behind


BODIES = [
    b"",
    b"\x00",
    b"nonsense",
    b"\x1f\x8b",
    b"\x28\xb5\x2f\xfd\xff",
    b"\x82SNAPPY\x00" + bytes(9),
    b"\x04\x22\x4d\x18",
]


@pytest.mark.parametrize("codec", range(8))
@pytest.mark.parametrize("body", BODIES)
def test_a_batch_that_can_t_be_unpacked_is_lost_beside_neighbours_that_are_read(codec: int, body: bytes) -> None:
    good: list[Batch] = [(0, [(1, None, b"x", []), (2, None, b"y", [])])]
    behind = bytearray(log(good))
    behind[:8] = (5).to_bytes(8, "big")
    reading = ours(log(good) + batch(body, codec, 3, base=2) + bytes(behind))
    assert reading.columns.offsets.tolist() == [0, 1, 5, 6]
    assert [(one.first, one.last) for one in reading.lost] == [(2, 4)]
    assert reading.after == 7


@pytest.mark.parametrize("codec", ["gzip", "lz4", "zstd"])
def test_a_bomb_is_given_up_before_it_has_grown(codec: str) -> None:
    number = {"gzip": 1, "lz4": 3, "zstd": 4}[codec]
    plain = bytes(BATCH_MAX_BYTES * 4)
    packed = {"gzip": gzip.compress, "lz4": lz4.frame.compress, "zstd": zstd.compress}[codec](plain)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reading = ours(batch(packed, number, 1) + batch(b"\x0c\x00\x00\x00\x01\x00\x00", 0, 1, base=1))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < 3 * BATCH_MAX_BYTES
    assert [(one.first, one.last) for one in reading.lost] == [(0, 0)]
    assert reading.after in (1, 2)
    with pytest.raises(UnpackError, match="more comes out"):
        UNPACK[number](packed, BATCH_MAX_BYTES)


@settings(deadline=None)
@given(st.sampled_from(sorted(UNPACK)), st.binary(max_size=200), st.integers(0, 1000))
def test_no_bytes_make_a_decoder_raise_anything_else_or_give_more_than_it_may(
    codec: int, body: bytes, most: int
) -> None:
    try:
        assert len(UNPACK[codec](body, most)) <= most
    except UnpackError:
        return


@pytest.mark.parametrize("codecs", [(1, 0), (0, 1), (0, 0, 4, 0)])
def test_a_compressed_batch_is_seen_wherever_it_stands(codecs: tuple[int, ...]) -> None:
    made: list[Batch] = [(codec, [(1, None, b"x", [])]) for codec in codecs]
    assert compressed(RecordSet("t", 0, 0, [], np.frombuffer(log(made), np.uint8)))
    assert not compressed(RecordSet("t", 0, 0, [], np.frombuffer(log([(0, each) for _, each in made]), np.uint8)))


def test_messages_of_the_time_before_batches_are_lost_and_passed() -> None:
    old = bytearray(log([(0, [(1, None, b"x", [])])]))
    old[16] = 1
    reading = ours(bytes(old))
    assert [(one.first, one.last) for one in reading.lost] == [(0, 0)]
    assert reading.after == 1


def test_the_brokers_time_replaces_the_producers() -> None:
    appended = bytearray(log([(0, [(5, None, b"x", []), (9, None, b"y", [])])]))
    appended[22] |= 8
    appended[35:43] = (77).to_bytes(8, "big")
    assert ours(bytes(appended), check_crcs=False).columns.timestamps_ms.tolist() == [77, 77]
