"""Tables that a scan fills: which there are, how many rows each has so far, and the outer levels of requests: resources and scopes.

Promises: order is the input's order. A resource or scope that came in several pieces (protobuf merges them) has several piece rows, one after
another. Every array is one element longer than its table's room, so that what is read but not kept has a place, and ends have one too.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

(
    RESOURCES,
    RESOURCE_PIECES,
    SCOPES,
    SCOPE_PIECES,
    SPANS,
    BAD_SPANS,
    ATTRIBUTES,
    EVENTS,
    EVENT_ATTRIBUTES,
    LINKS,
    LINK_ATTRIBUTES,
    NAMES,
) = range(12)
"""The tables (an owner's pieces come behind it): their places among counters and in `scan.Tables`."""
TABLES = 12


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
