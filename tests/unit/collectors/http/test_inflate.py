"""Laws of unpacking: it undoes packing, or refuses; limits hold."""

import contextlib
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.http.errors import Kind, Refused
from collectors.http.inflate import inflate


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, list[Callable[[bytes], bytes]]] = {
    "gzip": [gzip.compress, lambda data: gzip.compress(data[:5]) + gzip.compress(data[5:])],
    "deflate": [zlib.compress, bare_deflate],
    "zstd": [zstd.compress, lambda data: zstd.compress(data[:5]) + zstd.compress(data[5:])],
}


@given(st.sampled_from(sorted(PACKERS)), st.data())
@settings(deadline=None)
def test_unpacking_undoes_packing(encoding: str, data: st.DataObject) -> None:
    body = data.draw(st.binary(max_size=3000)) * data.draw(st.sampled_from([1, 2, 900]))
    packed = data.draw(st.sampled_from(PACKERS[encoding]))(body)
    assert inflate(packed, encoding.upper(), max_bytes=1 << 23, max_ratio=5000) == body


@given(st.sampled_from(sorted(PACKERS)), st.binary(max_size=100), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_bodies_are_refused_or_unpacked_within_limits(encoding: str, body: bytes, data: st.DataObject) -> None:
    packed = bytearray(PACKERS[encoding][0](body))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    packed = packed[: data.draw(st.integers(0, len(packed)))]
    with contextlib.suppress(Refused):
        assert len(inflate(bytes(packed), encoding, max_bytes=2048, max_ratio=10)) <= 2048


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_a_body_cut_off_is_malformed(encoding: str) -> None:
    with pytest.raises(Refused) as caught:
        inflate(PACKERS[encoding][0](b"x" * 5000)[:-3], encoding, max_bytes=1 << 20, max_ratio=1000)
    assert caught.value.kind is Kind.MALFORMED


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_a_bomb_costs_no_more_memory_than_the_limit(encoding: str) -> None:
    bomb = PACKERS[encoding][0](bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(Refused) as caught:
            inflate(bomb, encoding, max_bytes=20 << 20, max_ratio=1e9)
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
        with pytest.raises(Refused):
            inflate(bomb, encoding, max_bytes=1 << 30, max_ratio=20)
    finally:
        tracemalloc.stop()
    assert caught.value.kind is Kind.TOO_LARGE
