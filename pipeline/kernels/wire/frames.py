"""Tables that a scan fills: which there are, how many rows each has so far, and the outer levels of requests.

Resources and scopes.

Promises: order is the input's order. A resource or scope that came in several pieces (protobuf merges them) has several
piece rows, one after another. Every array is one element longer than its table's room, so that what is read but not
kept has a place, and ends have one too.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

(RESOURCES, RESOURCE_PIECES, SCOPES, SCOPE_PIECES, BAD, ATTRIBUTES, LEAVES) = range(7)
"""The tables that every signal has (an owner's pieces come behind it): their places among counters.

A leaf's own follow.
"""
TABLES = 7

RESOURCE_COLUMNS, SCOPE_COLUMNS, BAD_COLUMNS, ATTRIBUTE_COLUMNS, LEAF_COLUMNS = 0, 6, 12, 19, 24
"""Where their columns' addresses begin: an owner's three and its pieces' three, `Bad`'s seven, `Rows`' five.

A leaf's own come last.
"""


class Owners(NamedTuple):
    """Resources, whose parent is a record, or scopes, whose parent is a resource, and where their schema's address stands."""

    parent: I32
    url_at: I64
    url_length: I32


class Pieces(NamedTuple):
    """Submessages with their owner's index; owners ascend."""

    owner: I32
    at: I64
    end: I64


class Bad(NamedTuple):
    """Leaves that were left out: whose they are (the nth of its record), where they stand, and why."""

    record: I32
    nth: I32
    resource: I32
    scope: I32
    at: I64
    end: I64
    code: I64
