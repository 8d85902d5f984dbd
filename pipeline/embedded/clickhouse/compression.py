"""Content codings of HTTP, both ways: gzip, deflate, lz4, zstd, br.

Decoders give pieces of bounded size, whatever the ratio, so that a small request can't fill the memory. Frames may
follow one another (clickhouse-connect writes one a block). A stream that ends in the middle is an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli
import lz4.frame
from backports import zstd

from pipeline.embedded.clickhouse.errors import CANNOT_DECOMPRESS, UNKNOWN_COMPRESSION_METHOD, ClickHouseError

PIECE_BYTES = 1 << 20


class Decoder(Protocol):
    """Takes compressed bytes as they come."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Pieces of at most about PIECE_BYTES."""

    def finish(self) -> None:
        """Raise if the stream is not complete."""


class _Frame(Protocol):
    """What zlib, lz4 and zstd decompressors of one frame have in common here."""

    @property
    def ended(self) -> bool: ...

    @property
    def rest(self) -> bytes: ...

    def step(self, data: bytes) -> bytes: ...


class _Zlib:
    def __init__(self, window_bits: int) -> None:
        self._it = zlib.decompressobj(window_bits)

    @property
    def ended(self) -> bool:
        return self._it.eof

    @property
    def rest(self) -> bytes:
        return self._it.unused_data

    def step(self, data: bytes) -> bytes:
        return self._it.decompress(self._it.unconsumed_tail + data, PIECE_BYTES)


class _Framed:
    """lz4 and zstd: both follow the standard library's LZMADecompressor."""

    def __init__(self, make: Callable[[], lz4.frame.LZ4FrameDecompressor | zstd.ZstdDecompressor]) -> None:
        self._it = make()

    @property
    def ended(self) -> bool:
        return bool(self._it.eof)

    @property
    def rest(self) -> bytes:
        return bytes(self._it.unused_data or b"")

    def step(self, data: bytes) -> bytes:
        return bytes(self._it.decompress(data, PIECE_BYTES))


class _Frames:
    def __init__(self, make: Callable[[], _Frame]) -> None:
        self._make = make
        self._frame: _Frame | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._frame is None:
                if not data:
                    return
                self._frame = self._make()
            try:
                piece = self._frame.step(data)
            except (zlib.error, RuntimeError, zstd.ZstdError, EOFError) as error:
                raise ClickHouseError(CANNOT_DECOMPRESS, f"Cannot decompress the request: {error}.") from error
            data = b""
            if self._frame.ended:
                data, self._frame = self._frame.rest, None
            if piece:
                yield piece
            elif self._frame is not None:
                return

    def finish(self) -> None:
        if self._frame is not None:
            raise ClickHouseError(CANNOT_DECOMPRESS, "Cannot decompress the request: it ends in the middle of a frame.")


class _Brotli:
    def __init__(self) -> None:
        self._it = brotli.Decompressor()
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            self._fed = True
            piece = self._it.process(data, output_buffer_limit=PIECE_BYTES)
            while piece:
                yield piece
                piece = self._it.process(b"", output_buffer_limit=PIECE_BYTES) if not self._it.is_finished() else b""
        except brotli.error as error:
            raise ClickHouseError(CANNOT_DECOMPRESS, f"Cannot decompress the request: {error}.") from error

    def finish(self) -> None:
        if self._fed and not self._it.is_finished():
            raise ClickHouseError(CANNOT_DECOMPRESS, "Cannot decompress the request: it ends in the middle of a frame.")


def decoder(coding: str) -> Decoder | None:
    """For a Content-Encoding header; None where nothing is to be done."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return None
    if coding in ("gzip", "x-gzip"):
        return _Frames(lambda: _Zlib(31))
    if coding == "deflate":
        return _Frames(lambda: _Zlib(15))
    if coding == "lz4":
        return _Frames(lambda: _Framed(lz4.frame.LZ4FrameDecompressor))
    if coding == "zstd":
        return _Frames(lambda: _Framed(zstd.ZstdDecompressor))
    if coding == "br":
        return _Brotli()
    raise ClickHouseError(UNKNOWN_COMPRESSION_METHOD, f"Unknown compression method: {coding}.")


class Encoder(Protocol):
    """Compresses an answer piece by piece."""

    coding: str

    def add(self, data: bytes) -> bytes:
        """What is ready so far."""

    def finish(self) -> bytes:
        """The rest."""


class _Encoder:
    def __init__(self, coding: str, begin: bytes, add: Callable[[bytes], bytes], finish: Callable[[], bytes]) -> None:
        self.coding, self._begin, self._add, self._finish = coding, begin, add, finish

    def add(self, data: bytes) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + self._add(data)

    def finish(self) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + self._finish()


def _lz4() -> Encoder:
    it = lz4.frame.LZ4FrameCompressor()
    return _Encoder("lz4", it.begin(), it.compress, it.flush)


def _zstd() -> Encoder:
    it = zstd.ZstdCompressor(level=1)
    return _Encoder("zstd", b"", it.compress, it.flush)


def _zlib(coding: str, window_bits: int) -> Encoder:
    it = zlib.compressobj(1, zlib.DEFLATED, window_bits)
    return _Encoder(coding, b"", it.compress, it.flush)


def _brotli() -> Encoder:
    it = brotli.Compressor(quality=3)
    return _Encoder("br", b"", it.process, it.finish)


_ENCODERS: dict[str, Callable[[], Encoder]] = {
    "zstd": _zstd,
    "lz4": _lz4,
    "br": _brotli,
    "gzip": lambda: _zlib("gzip", 31),
    "deflate": lambda: _zlib("deflate", 15),
}


def encoder(accepted: str) -> Encoder | None:
    """The first coding of an Accept-Encoding header that we know."""
    for part in accepted.split(","):
        coding, _, quality = part.partition(";")
        if quality.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            continue
        make = _ENCODERS.get(coding.strip().lower())
        if make is not None:
            return make()
    return None
