"""Every coding: there and back, cut anywhere, bounded pieces, and never silence over a broken stream."""

from __future__ import annotations

import gzip
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedded.clickhouse.blocks import BlockDecoder, wrap
from pipeline.embedded.clickhouse.compression import PIECE_BYTES, Decoder, decoder, encoder
from pipeline.embedded.clickhouse.errors import ClickHouseError

CODINGS = ["gzip", "deflate", "lz4", "zstd", "br"]


def known(coding: str) -> Decoder:
    made = decoder(coding)
    assert made is not None
    return made


def unpacked(through: Decoder, data: bytes, cut: int) -> bytes:
    out = b"".join([*through.feed(data[:cut]), *through.feed(data[cut:])])
    through.finish()
    return out


def packed(coding: str, data: bytes) -> bytes:
    made = encoder(coding)
    assert made is not None
    assert made.coding == coding
    return made.add(data) + made.finish()


@pytest.mark.parametrize("coding", CODINGS)
@given(data=st.binary(max_size=2000), cut=st.integers(0, 2000))
def test_bytes_come_back_however_they_are_cut(coding: str, data: bytes, cut: int) -> None:
    assert unpacked(known(coding), packed(coding, data), cut) == data


@given(data=st.binary(max_size=2000), cut=st.integers(0, 2000))
def test_clickhouse_blocks_come_back_however_they_are_cut(data: bytes, cut: int) -> None:
    assert unpacked(BlockDecoder(), wrap(data), cut) == data


@pytest.mark.parametrize("coding", ["gzip", "lz4", "zstd"])
def test_frames_may_follow_one_another(coding: str) -> None:
    assert unpacked(known(coding), packed(coding, b"one ") + packed(coding, b"two"), 3) == b"one two"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_comes_in_bounded_pieces(coding: str) -> None:
    pieces = list(known(coding).feed(packed(coding, bytes(20 << 20))))
    assert sum(map(len, pieces)) == 20 << 20
    assert max(map(len, pieces)) <= 2 * PIECE_BYTES


@pytest.mark.parametrize("coding", CODINGS)
def test_a_stream_that_ends_early_is_an_error(coding: str) -> None:
    data = packed(coding, b"some rows of text " * 100)
    with pytest.raises(ClickHouseError):
        unpacked(known(coding), data[:-3], 1)


def test_what_is_not_compressed_is_an_error() -> None:
    with pytest.raises(ClickHouseError):
        list(known("gzip").feed(b"not zipped"))
    with pytest.raises(ClickHouseError):
        decoder("snappy")


@pytest.mark.parametrize("at", [0, 20, 30])
def test_a_changed_block_is_found_out(at: int) -> None:
    data = bytearray(wrap(b"some rows of text " * 10))
    data[at] ^= 1
    with pytest.raises(ClickHouseError):
        unpacked(BlockDecoder(), bytes(data), 5)


def test_a_coding_is_taken_from_the_header() -> None:
    for header, coding in (("gzip;q=0, br", "br"), ("snappy, lz4", "lz4")):
        found = encoder(header)
        assert found is not None
        assert found.coding == coding
    assert encoder("identity") is None
    assert gzip.decompress(packed("gzip", b"x")) == b"x"


def test_a_block_that_says_it_is_huge_is_refused_by_its_head_alone() -> None:
    for size, raw_size in ((100, 17 << 20), (17 << 20, 100)):
        head = bytes(16) + struct.pack("<BII", 0x82, size, raw_size)
        with pytest.raises(ClickHouseError, match="Too large"):
            list(BlockDecoder().feed(head))
