"""Dead letters of decoding: whole records, and single leaves (spans, log records) in a request of their own with their resource and scope.

Promises: a letter's id comes from the record's place and the leaf's index alone, so a rebuilt batch makes the same
letters. Their number and bytes are bounded for a range, and what is beyond is told in numbers.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from pipeline.kernels.wire.envelope import BELOW, OWN_MESSAGE, REQUEST, SCHEMA_URL
from pipeline.kernels.wire.frames import BAD, RESOURCE_PIECES, SCOPE_PIECES, Owners, Pieces
from pipeline.model.records import Records
from pipeline.model.span_columns import I64, U8
from pipeline.stages.decode.json_request import BadLeaf
from pipeline.stages.decode.signals import Tables
from pipeline.stages.decode.tables import Scanned
from schemas.dead_letter import DeadLetter

STAGE = "decode"
OF_RECORD_MAX = 1000
"""Bad leaves of one record that can have letters of their own."""
LETTERS_MAX = 10_000
BYTES_MAX = 16 << 20
"""Of one range, and of those letters' values together, beyond as many bytes as the range has.

Each holds its leaf's resource again.
"""

REASONS = {
    -1: ("truncated", "a field ends beyond the bytes that hold it"),
    -2: ("wrong_wire_type", "wire type 6 or 7, which protobuf does not have"),
    -3: ("varint_too_long", "a varint of more than 10 bytes, or a tag or length of more than 5"),
    -4: ("group", "a group that is not closed, not open, or too deep"),
    -5: ("too_deep", "more than 100 messages inside each other"),
    -6: ("invalid_utf8", "a text is not UTF-8"),
    -7: ("bad_id", "a trace id is not 16 bytes, or a span id not 8"),
    -8: ("bad_time", "the end time is not set, or neither Kafka nor the spans give the record a time that can be"),
    -9: ("too_old", "the span ended longer ago than spans are kept"),
    -10: ("malformed", "a tag or length outside protobuf's range"),
}


def why(scanned: Scanned[Tables], code: int) -> tuple[str, str]:
    """(reason, error) of a code, for these leaves."""
    reason, error = REASONS.get(code, ("malformed", "can't be read"))
    return reason, scanned.signal.errors.get(code, error)


class Complaint(NamedTuple):
    """What is said in a dead letter about a record, or about one leaf of it, when its JSON could not be translated."""

    reason: str
    error: str
    value: bytes


def of_record(records: Records, record: int, complaint: Complaint) -> DeadLetter:
    """The letter of a whole record."""
    return _letter(records, record, -1, complaint)


def of_codes(records: Records, scanned: Scanned[Tables], complained: Mapping[int, Complaint]) -> list[DeadLetter]:
    """Letters of the records that were given up as a whole; `complained` overrides what the code says."""
    letters = []
    for record in np.flatnonzero(scanned.record_codes).tolist():
        reason, error = why(scanned, int(scanned.record_codes[record]))
        letters.append(
            of_record(records, record, complained.get(record, Complaint(reason, error, records.values[record])))
        )
    return letters


def of_leaves(
    records: Records, buffer: U8, scanned: Scanned[Tables], complained: Mapping[tuple[int, int], BadLeaf]
) -> list[DeadLetter]:
    """Letters of single leaves, whose records are sound around them.

    Beyond the limits one for the rest of each record, without bytes.
    """
    letters: list[DeadLetter] = []
    rest: dict[int, Counter[str]] = {}
    first: dict[int, int] = {}
    bad, n = scanned.tables.bad, scanned.rows[BAD]
    sizes = request_sizes(scanned)
    room = BYTES_MAX + records.size_bytes
    for i in range(n):
        record, index, size = int(bad.record[i]), int(bad.nth[i]), int(sizes[i])
        leaf = complained.get((record, index))
        reason, error = why(scanned, int(bad.code[i])) if leaf is None else (leaf.reason, leaf.error)
        if len(letters) >= LETTERS_MAX or size > room:
            first.setdefault(record, index)
            rest.setdefault(record, Counter())[reason] += 1
            continue
        value = request_of_leaf(buffer, scanned, i) if leaf is None else leaf.render()
        room -= len(value)
        letters.append(_letter(records, record, index, Complaint(reason, error, value)))
    for record in np.flatnonzero(scanned.more_bad).tolist():
        last = int(bad.nth[np.searchsorted(bad.record[:n], record, side="right") - 1])
        first.setdefault(record, last + 1)
        rest.setdefault(record, Counter())["others"] += int(scanned.more_bad[record])
    for record, reasons in sorted(rest.items()):
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        error = f"{reasons.total()} more bad {scanned.signal.plural} of this record, not kept one by one: {told}"
        letters.append(_letter(records, record, first[record], Complaint("too_many_bad", error, b"")))
    return letters


def _letter(records: Records, record: int, item_index: int, complaint: Complaint) -> DeadLetter:
    return DeadLetter(
        topic=records.topic,
        epoch=records.epoch,
        partition=records.partition,
        offset=int(records.offsets[record]),
        item_index=item_index,
        stage=STAGE,
        reason=complaint.reason,
        error=complaint.error[:1000],
        first_seen_ms=max(0, int(records.timestamps_ms[record])),
        value=complaint.value,
    )


def request_of_leaf(buffer: U8, scanned: Scanned[Tables], i: int) -> bytes:
    """A request that holds bad leaf i alone, with its resource, scope and schema addresses, from the bytes as they came."""
    tables, bad = scanned.tables, scanned.tables.bad
    leaf = _field(BELOW, _bytes(buffer, int(bad.at[i]), int(bad.end[i])))
    scope, resource = int(bad.scope[i]), int(bad.resource[i])
    inner = _owner(buffer, _pieces(scanned, SCOPE_PIECES, scope)) + leaf + _url(buffer, tables.scopes, scope)
    outer = _owner(buffer, _pieces(scanned, RESOURCE_PIECES, resource)) + _field(BELOW, inner)
    return _field(REQUEST, outer + _url(buffer, tables.resources, resource))


def request_sizes(scanned: Scanned[Tables]) -> I64:
    """For each bad leaf about how many bytes `request_of_leaf` gives."""
    n, bad, tables = scanned.rows, scanned.tables.bad, scanned.tables
    some = slice(n[BAD])
    sizes = bad.end[some] - bad.at[some] + 40
    for pieces, used, owner in (
        (tables.scope_pieces, n[SCOPE_PIECES], bad.scope[some]),
        (tables.resource_pieces, n[RESOURCE_PIECES], bad.resource[some]),
    ):
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(pieces.end[:used] - pieces.at[:used])])
        first, last = (np.searchsorted(pieces.owner[:used], owner + more) for more in (0, 1))
        sizes += ends[last] - ends[first]
    return sizes


def _pieces(scanned: Scanned[Tables], table: int, owner: int) -> Pieces:
    """One owner's pieces."""
    tables = scanned.tables
    pieces = tables.scope_pieces if table == SCOPE_PIECES else tables.resource_pieces
    first, last = np.searchsorted(pieces.owner[: scanned.rows[table]], (owner, owner + 1)).tolist()
    return Pieces(pieces.owner[first:last], pieces.at[first:last], pieces.end[first:last])


def _owner(buffer: U8, pieces: Pieces) -> bytes:
    places = zip(pieces.at.tolist(), pieces.end.tolist(), strict=True)
    return b"".join(_field(OWN_MESSAGE, _bytes(buffer, at, end)) for at, end in places)


def _url(buffer: U8, owners: Owners, i: int) -> bytes:
    at, length = int(owners.url_at[i]), int(owners.url_length[i])
    return _field(SCHEMA_URL, _bytes(buffer, at, at + length)) if length else b""


def _bytes(buffer: U8, at: int, end: int) -> bytes:
    return buffer[at:end].tobytes()


def _field(tag: int, body: bytes) -> bytes:
    rest, head = len(body), bytearray((tag,))
    while rest > 127:
        head.append(rest & 127 | 128)
        rest >>= 7
    head.append(rest)
    return bytes(head) + body
