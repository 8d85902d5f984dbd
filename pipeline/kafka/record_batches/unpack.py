"""Kafka's compressions undone with a limit: gzip, snappy (raw and in Java's framing), lz4 and zstd.

Promises: never holds more than the limit and one piece of output, whatever the input claims; one error for all that is wrong. What Kafka's own
consumers read is read: several frames one behind the other, bytes behind the last that begin no frame. Does not look at what comes out.
"""

import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol, cast

import cramjam
import lz4.frame
from backports import zstd

Unpack = Callable[[bytes, int], bytes]
"""(compressed, most bytes it may give) → plain. UnpackError."""

PIECE_BYTES = 1 << 20
SNAPPY_FRAMING = b"\x82SNAPPY\x00"
SNAPPY_HEAD_BYTES = 16
SNAPPY_MOST_RATIO = 22
"""A raw snappy stream's copy of three bytes gives 64: who claims more than that lies."""


class UnpackError(ValueError):
    """Bytes that can't be unpacked, or that give more than the limit."""


class _Stream(Protocol):
    """What the decoders of lz4 and zstd have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """zlib's decoder in the form of the others."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _frames(make: Callable[[], _Stream], magics: tuple[bytes, ...]) -> Unpack:
    """Of a format whose frames begin with one of `magics`."""

    def unpack(body: bytes, most_bytes: int) -> bytes:
        pieces: list[bytes] = []
        while body.startswith(magics) or not pieces:
            stream, given = make(), body
            while not stream.eof:
                try:
                    piece = stream.decompress(given, max_length=PIECE_BYTES)
                except (zlib.error, RuntimeError, zstd.ZstdError, EOFError) as error:
                    raise UnpackError(str(error)) from error
                if not piece and not stream.eof:
                    raise UnpackError("compressed bytes that end too early")
                most_bytes -= len(piece)
                if most_bytes < 0:
                    raise UnpackError("more comes out than is taken")
                pieces.append(piece)
                given = b""
            body = bytes(stream.unused_data or b"")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    return unpack


def _snappy(body: bytes, most_bytes: int) -> bytes:
    if not body.startswith(SNAPPY_FRAMING):
        return _snappy_block(body, most_bytes)
    pieces, at = [], SNAPPY_HEAD_BYTES
    while at < len(body):
        if at + 4 > len(body):
            raise UnpackError("compressed bytes that end too early")
        (size,) = struct.unpack_from(">i", body, at)
        at += 4
        if not 0 <= size <= len(body) - at:
            raise UnpackError("a block of snappy that is longer than all")
        pieces.append(_snappy_block(body[at : at + size], most_bytes))
        most_bytes -= len(pieces[-1])
        at += size
    return b"".join(pieces)


def _snappy_block(block: bytes, most_bytes: int) -> bytes:
    claimed = 0
    for i, byte in enumerate(block[:5]):
        claimed |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            break
    if claimed > SNAPPY_MOST_RATIO * (len(block) + 8):
        raise UnpackError("a block of snappy that claims more than it can hold")
    if claimed > most_bytes:
        raise UnpackError("more comes out than is taken")
    try:
        return bytes(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise UnpackError(str(error)) from error


_SKIPPABLE = tuple(bytes([0x50 + n]) + b"\x2a\x4d\x18" for n in range(16))

UNPACK: Mapping[int, Unpack] = {
    1: _frames(_Gzip, (b"\x1f\x8b",)),
    2: _snappy,
    3: _frames(lz4.frame.LZ4FrameDecompressor, (b"\x04\x22\x4d\x18", *_SKIPPABLE)),
    4: _frames(cast("Callable[[], _Stream]", zstd.ZstdDecompressor), (b"\x28\xb5\x2f\xfd", *_SKIPPABLE)),
}
"""By number in a batch's attributes."""
