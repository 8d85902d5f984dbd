"""ClickHouse's own compressed blocks (`compress=1`, `decompress=1`), as clickhouse-go and the command-line client write them.

A block: CityHash128 (version 1.0.2, high half first) over the rest; one byte for the method (0x82 LZ4, 0x90 ZSTD,
0x02 none); size with this header (9 bytes); size once unpacked; the data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import lz4.block
from backports import zstd
from clickhouse_cityhash.cityhash import CityHash128

from pipeline.embedded.clickhouse.errors import (
    CANNOT_DECOMPRESS,
    CHECKSUM_DOESNT_MATCH,
    UNKNOWN_COMPRESSION_METHOD,
    ClickHouseError,
)

_HEADER = struct.Struct("<BII")
_DIGEST = struct.Struct("<QQ")
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_RAW_BYTES = 1 << 20
_MOST_BYTES = 16 << 20  # clients write 1 MiB, clickhouse-go 10; known before anything is unpacked


def _digest(body: bytes) -> bytes:
    value = CityHash128(body)
    return _DIGEST.pack(value >> 64, value & (2**64 - 1))


def wrap(raw: bytes) -> bytes:
    """In blocks of at most 1 MiB of raw data."""
    out: list[bytes] = []
    for at in range(0, len(raw), _RAW_BYTES):
        part = raw[at : at + _RAW_BYTES]
        packed = lz4.block.compress(part, store_size=False)
        body = _HEADER.pack(_LZ4, len(packed) + _HEADER.size, len(part)) + packed
        out += [_digest(body), body]
    return b"".join(out)


class BlockDecoder:
    """Unpacks blocks from pieces of any size; checks each block's hash."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The raw data of each block that is complete."""
        self._kept += data
        front = _DIGEST.size + _HEADER.size
        while len(self._kept) >= front:
            method, size, raw_size = _HEADER.unpack_from(self._kept, _DIGEST.size)
            if not _HEADER.size <= size <= _MOST_BYTES or raw_size > _MOST_BYTES:
                raise ClickHouseError(
                    CANNOT_DECOMPRESS, f"Too large size of a compressed block: {size}, {raw_size} raw."
                )
            end = _DIGEST.size + size
            if len(self._kept) < end:
                return
            digest, body = bytes(self._kept[: _DIGEST.size]), bytes(self._kept[_DIGEST.size : end])
            del self._kept[:end]
            if digest != _digest(body):
                raise ClickHouseError(CHECKSUM_DOESNT_MATCH, "Checksum doesn't match: corrupted data.")
            yield _unpack(method, body[_HEADER.size :], raw_size)

    def finish(self) -> None:
        """Raise if a block is cut short."""
        if self._kept:
            raise ClickHouseError(CANNOT_DECOMPRESS, "Cannot decompress: the last block is cut short.")


def _unpack(method: int, packed: bytes, raw_size: int) -> bytes:
    try:
        if method == _NONE:
            raw = packed
        elif method == _LZ4:
            raw = lz4.block.decompress(packed, uncompressed_size=raw_size)
        elif method == _ZSTD:
            raw = zstd.ZstdDecompressor().decompress(packed, raw_size)
        else:
            raise ClickHouseError(UNKNOWN_COMPRESSION_METHOD, f"Unknown compression method byte {method:#x}.")
    except (lz4.block.LZ4BlockError, zstd.ZstdError) as error:
        raise ClickHouseError(CANNOT_DECOMPRESS, f"Cannot decompress a block: {error}.") from error
    if len(raw) != raw_size:
        raise ClickHouseError(CANNOT_DECOMPRESS, f"A block says {raw_size} raw bytes and holds {len(raw)}.")
    return raw
