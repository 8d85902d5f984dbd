"""Keys that were crafted to meet in one place of a hash table whose hash is known: with a secret they spread."""

import time

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.kernels.group.bytes import distinct_triples
from pipeline.kernels.native.dictionary import encode
from pipeline.kernels.native.memory import hash_of as native_hash
from pipeline.kernels.wire.fields import SPARE
from pipeline.kernels.wire.names import hash_of as wire_hash

I64 = npt.NDArray[np.int64]
KEYS = 20_000


def placed(keys: list[bytes]) -> tuple[npt.NDArray[np.uint8], I64, npt.NDArray[np.int32]]:
    lengths = np.array([len(key) for key in keys], np.int32)
    at = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths[:-1])])
    return np.frombuffer(b"".join(keys) + bytes(SPARE), np.uint8), at, lengths


def differing_high(count: int) -> list[bytes]:
    """Eight bytes that differ in the last two or three alone: a product by a known factor leaves the low bits equal."""
    return [b"aaaaa" + n.to_bytes(3, "little") for n in range(count)]


def plain(count: int) -> list[bytes]:
    return [b"name-%d" % n for n in range(count)]


def crowded(hashes: list[int]) -> float:
    """How many keys share a place, against how many would by chance; about 1 for a good hash."""
    places = np.array(hashes, np.int64) & (2 * len(hashes) - 1)
    counts = np.bincount(places)
    return float((counts.astype(np.int64) ** 2).sum() / len(hashes)) / 1.5


@pytest.mark.parametrize("secret", [12345678901234567, -(2**61) + 977])
@pytest.mark.parametrize("keys", [differing_high(1 << 12), plain(1 << 12)])
def test_crafted_keys_share_no_more_places_than_others(keys: list[bytes], secret: int) -> None:
    buffer, at, length = placed(keys)
    for hash_of in (wire_hash, native_hash):
        hashes = [int(hash_of(buffer, at[i], int(length[i]), secret)) for i in range(len(keys))]
        assert crowded(hashes) < 2


def test_tables_take_crafted_keys_in_the_time_of_others() -> None:
    def seconds(keys: list[bytes]) -> float:
        buffer, at, length = placed(keys)
        best = float("inf")
        for _ in range(3):
            begun = time.process_time()
            encode(buffer, at, length)
            distinct_triples(buffer, at, length, at, length, at, length, 98765432123456789)
            best = min(best, time.process_time() - begun)
        return best

    seconds(plain(10))
    assert seconds(differing_high(KEYS)) < 10 * seconds(plain(KEYS)) + 0.05
