"""Content encodings undone, with limits that hold while unpacking, not after it.

Promises: never more than `max_bytes` of output, nor more than `max_ratio` times the input once past 1 MiB, are held in
memory; several members in a row (gzip, zstd) are one body; what ends early or has rubbish after it is malformed.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import cramjam
from backports import zstd

from collectors.http.errors import Kind, Refused

CHUNK_BYTES = 1 << 20
RATIO_FREE_BYTES = 1 << 20
SNAPPY = ("snappy", "x-snappy-framed")
SNAPPY_FRAMED = b"\xff\x06\x00\x00sNaPpY"


class _Unpacker(Protocol):
    """What zlib's and zstd's objects are to us."""

    eof: bool

    def feed(self, data: bytes, max_length: int) -> bytes: ...
    def rest(self) -> bytes: ...


class _Zlib:
    def __init__(self, bits: int) -> None:
        self._inner = zlib.decompressobj(bits)
        self.eof = False

    def feed(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail or data, max_length)
        self.eof = self._inner.eof
        return out

    def rest(self) -> bytes:
        return self._inner.unused_data


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstd.ZstdDecompressor()
        self.eof = False

    def feed(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(data, max_length)
        self.eof = self._inner.eof
        return out

    def rest(self) -> bytes:
        return self._inner.unused_data


def _deflate(data: bytes) -> _Unpacker:
    """HTTP's deflate is zlib's format; some clients send it bare.

    A zlib header is 8 in its low half byte and divides by 31.
    """
    headed = len(data) > 1 and data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
    return _Zlib(15 if headed else -15)


UNPACKERS: dict[str, Callable[[bytes], _Unpacker]] = {
    "gzip": lambda _: _Zlib(31),
    "x-gzip": lambda _: _Zlib(31),
    "deflate": _deflate,
    "zstd": lambda _: _Zstd(),
}


def inflate(body: bytes, encoding: str, *, max_bytes: int, max_ratio: float) -> bytes:
    """The body without its content encoding; `Refused` where it is unknown, broken or too large."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    limit = min(max_bytes, max(RATIO_FREE_BYTES, int(len(body) * max_ratio)))
    if encoding in SNAPPY:
        return _snappy(body, limit)
    make = UNPACKERS.get(encoding)
    if make is None:
        known = "gzip, zstd, snappy, deflate, identity"
        raise Refused(Kind.UNSUPPORTED, f"content encoding {encoding[:40]!r}; known are {known}")
    out: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:
            unpacker = make(rest)
            for part in _member(unpacker, rest, limit - size + 1):
                out.append(part)
                size += len(part)
                _demand_room(size, limit, body)
            rest = unpacker.rest()
    except (zlib.error, zstd.ZstdError) as error:
        raise Refused(Kind.MALFORMED, f"broken {encoding} body: {error}") from None
    return b"".join(out)


def _demand_room(size: int, limit: int, body: bytes) -> None:
    if size > limit:
        raise Refused(Kind.TOO_LARGE, f"more than {limit} bytes after decompression ({len(body)} before)")


def _snappy(body: bytes, limit: int) -> bytes:
    """Both of snappy's forms, told apart by the framed one's first chunk; each says its size before it is unpacked."""
    try:
        if not body.startswith(SNAPPY_FRAMED):
            _demand_room(cramjam.snappy.decompress_raw_len(body) if body else 0, limit, body)
            return bytes(cramjam.snappy.decompress_raw(body)) if body else b""
        _demand_room(sum(_snappy_chunks(body)), limit, body)
        return bytes(cramjam.snappy.decompress(body))
    except cramjam.DecompressionError as error:
        raise Refused(Kind.MALFORMED, f"broken snappy body: {error}") from None


def _snappy_chunks(body: bytes) -> Iterator[int]:
    """Unpacked size of each chunk: a type, three bytes of length, then a checksum and the data."""
    at = 0
    while at + 4 <= len(body):
        kind, size = body[at], int.from_bytes(body[at + 1 : at + 4], "little")
        data = body[at + 8 : at + 4 + size]
        if kind == 0:
            yield cramjam.snappy.decompress_raw_len(data)
        elif kind == 1:
            yield len(data)
        at += 4 + size
    if at != len(body):
        raise Refused(Kind.MALFORMED, "the compressed body ends early")


def _member(unpacker: _Unpacker, data: bytes, room: int) -> Iterator[bytes]:
    """One member's output, a chunk at a time, until the member ends or `room` is full."""
    while not unpacker.eof and room > 0:
        part = unpacker.feed(data, min(CHUNK_BYTES, room))
        data = b""
        if not part and not unpacker.eof:
            raise Refused(Kind.MALFORMED, "the compressed body ends early")
        room -= len(part)
        yield part
