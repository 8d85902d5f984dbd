"""A Native block: a header, then each column's name, type and data, one after another.

Promises: the form that ClickHouse reads over HTTP (protocol revision 0). Column data is bytes already; this puts it
together.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from pipeline.varint import varint

Data = bytes | npt.NDArray[np.generic]
Column = tuple[str, str, Sequence[Data]]
"""Name, ClickHouse type, data in pieces."""


def text(value: str) -> bytes:
    """A string with its length before it."""
    data = value.encode()
    return varint(len(data)) + data


def block(rows: int, columns: Iterable[Column]) -> bytes:
    """The whole block."""
    pieces: list[bytes | memoryview] = []
    count = 0
    for name, kind, data in columns:
        pieces.append(text(name) + text(kind))
        pieces.extend(_bytes(piece) for piece in data)
        count += 1
    return b"".join([varint(count) + varint(rows), *pieces])


def _bytes(piece: Data) -> bytes | memoryview:
    """Numbers as they lie in memory; ClickHouse is little-endian, as we are."""
    return piece if isinstance(piece, bytes) else np.ascontiguousarray(piece).view(np.uint8).data
