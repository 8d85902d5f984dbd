"""Why bytes could not be read.

Negative numbers in the place of a position, so that a kernel returns either with one value.

The names of dead letters' reasons are made from these in `pipeline.stages.decode`.
"""

TRUNCATED = -1
WRONG_WIRE_TYPE = -2
VARINT_TOO_LONG = -3
GROUP = -4
TOO_DEEP = -5
INVALID_UTF8 = -6
BAD_ID = -7
BAD_TIME = -8
TOO_OLD = -9
MALFORMED = -10

NO_ROOM = -100
"""Not the bytes' fault: table NO_ROOM - code is full, and the record is to be scanned again when it has grown."""

DEPTH_MAX = 100
"""Submessages and groups inside each other, as protobuf's own parsers allow by default."""
