"""Content encodings undone, with limits that hold while unpacking, not after it.

Promises: never more than `max_bytes` of output, nor more than `max_ratio` times the input once past 1 MiB, are held in memory;
several members in a row (gzip, zstd) are one body; what ends early or has rubbish after it is malformed.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

from backports import zstd

from collectors.otlp.errors import Kind, Refused

CHUNK_BYTES = 1 << 20
RATIO_FREE_BYTES = 1 << 20


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
    """HTTP's deflate is zlib's format; some clients send it bare. A zlib header is 8 in its low half byte and divides by 31."""
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
    make = UNPACKERS.get(encoding)
    if make is None:
        raise Refused(Kind.UNSUPPORTED, f"content encoding {encoding[:40]!r}; known are gzip, zstd, deflate, identity")
    limit = min(max_bytes, max(RATIO_FREE_BYTES, int(len(body) * max_ratio)))
    out: list[bytes] = []
    size = 0
    rest = body
    try:
        while rest:
            unpacker = make(rest)
            for part in _member(unpacker, rest, limit - size + 1):
                out.append(part)
                size += len(part)
                if size > limit:
                    raise Refused(Kind.TOO_LARGE, f"more than {limit} bytes after decompression ({len(body)} before)")
            rest = unpacker.rest()
    except (zlib.error, zstd.ZstdError) as error:
        raise Refused(Kind.MALFORMED, f"broken {encoding} body: {error}") from None
    return b"".join(out)


def _member(unpacker: _Unpacker, data: bytes, room: int) -> Iterator[bytes]:
    """One member's output, a chunk at a time, until the member ends or `room` is full."""
    while not unpacker.eof and room > 0:
        part = unpacker.feed(data, min(CHUNK_BYTES, room))
        data = b""
        if not part and not unpacker.eof:
            raise Refused(Kind.MALFORMED, "the compressed body ends early")
        room -= len(part)
        yield part
