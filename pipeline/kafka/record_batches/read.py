"""Kafka's record batches to columns, as a consumer of committed records would see them.

Promises: pure; never raises on what a broker answers. Sums checked, every compression of Kafka's, aborted transactions left out. A batch that
can't be read is a lost range beside its neighbours, which are read; only where even its end can't be told is nothing read on. What one call
unpacks is bounded; the rest is for the next. Does not know a client.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from crc32c import crc32c

from pipeline.kafka.record_batches.transactions import committed
from pipeline.kafka.record_batches.unpack import UNPACK, UnpackError
from pipeline.kernels.log import batches as log
from pipeline.model.records import LostRange
from pipeline.model.values import I64, U8, Chunk, Values

BATCH_MAX_BYTES = 24 << 20
"""Of one batch, unpacked: a topic takes 20 MiB in a record at most, and producers keep to such bounds before they compress."""
UNPACKED_MAX_BYTES = 32 << 20
"""Of all batches that one call unpacks, whatever became of them; at least one is always tried."""
LOST_MOST = 100
"""Lost ranges that one call tells apart; where there are more, neighbours are told as one."""


class Columns(NamedTuple):
    """All records of one partition and fetch."""

    offsets: I64
    timestamps_ms: I64
    """As they stand there: -1 where the producer gave none and the topic keeps the producers' times."""
    values: Values


class RecordSet(NamedTuple):
    """What a broker answered for one partition."""

    topic: str
    partition: int
    offset: int
    """That was asked for."""
    aborted: list[tuple[int, int]]
    """(producer id, first offset) of aborted transactions in it."""
    buffer: U8
    stable_end: int = -1
    """Last stable offset; nothing beyond it is in the answer. -1: not known."""


class Reading(NamedTuple):
    """What could be made of a `RecordSet`."""

    columns: Columns
    after: int
    """Offset to ask for next."""
    lost: tuple[LostRange, ...] = ()
    unreadable: str = ""
    """Why nothing can be told of what stands at `after`; empty where there was no such thing."""
    doubt: tuple[int, int] | None = None
    """Offset and sum of a batch that is not as the broker took it. Asked for again it may be: only the same twice is to be believed."""


EMPTY = Columns(np.empty(0, np.int64), np.empty(0, np.int64), Values())


def read(records: RecordSet, *, check_crcs: bool) -> Reading:
    """The records from the asked offset on.

    Per batch about 1 us, per record about 15 ns, per byte 0.05 ns for its sum, and what its compression takes.
    """
    buffer = records.buffer
    heads = _heads(buffer)
    if not len(heads):
        return _no_batch(records)
    sums = _sums(buffer, heads) if check_crcs else heads[:, log.CRC]
    broken = np.flatnonzero((sums != heads[:, log.CRC]) | ~_in_order(records, heads))
    sound = int(broken[0]) if len(broken) else len(heads)
    if sound == 0:
        return _broken_head(records, heads, int(sums[0]))
    return _read_sound(records, heads[:sound])


def compressed(records: RecordSet) -> bool:
    """Whether any of its batches is: then reading takes a while. About 20 ns a batch."""
    heads = _heads(records.buffer)
    return bool((heads[:, log.ATTRIBUTES] & log.COMPRESSION).any())


def _heads(buffer: U8) -> I64:
    heads = np.empty((len(buffer) // log.OLD_HEADER + 1, log.FIELDS), np.int64)
    return heads[: int(log.find_batches(buffer, heads))]


def _sums(buffer: U8, heads: I64) -> I64:
    view = buffer.data
    spans = zip(
        (heads[:, log.AT] + log.CRC_FROM).tolist(),
        heads[:, log.END].tolist(),
        heads[:, log.MAGIC].tolist(),
        strict=True,
    )
    return np.array([crc32c(view[at:end]) if magic == 2 else 0 for at, end, magic in spans], np.int64)


def _in_order(records: RecordSet, heads: I64) -> npt.NDArray[np.bool_]:
    """Which batches are of today's format, with offsets that can be: one behind the other, below the stable end."""
    base, last = heads[:, log.BASE_OFFSET], heads[:, log.BASE_OFFSET] + heads[:, log.LAST_DELTA]
    fine: npt.NDArray[np.bool_] = (heads[:, log.MAGIC] == 2) & (base >= 0) & (last >= base)
    fine[1:] &= base[1:] > last[:-1]
    if records.stable_end >= 0:
        fine &= last < records.stable_end
    return fine


def _no_batch(records: RecordSet) -> Reading:
    buffer = records.buffer
    if not len(buffer):
        return Reading(EMPTY, records.offset)
    head = buffer[: log.HEADER].tobytes()
    why = f"no whole record batch stands at offset {records.offset}: {len(buffer)} bytes that begin with {head[:32].hex()}"
    return Reading(EMPTY, records.offset, unreadable=why, doubt=(records.offset, crc32c(head)))


def _broken_head(records: RecordSet, heads: I64, found_sum: int) -> Reading:
    """The first batch is of an old format, or not what its sum or its place says: past it, if its end can be told."""
    old = 0
    for head in heads:
        if (
            head[log.MAGIC] == 2
            or head[log.BASE_OFFSET] < records.offset + old
            or not _below_end(records, head[log.BASE_OFFSET])
        ):
            break
        old, end = old + 1, int(head[log.BASE_OFFSET]) + 1
    if old:
        lost = LostRange(records.offset, end - 1, "messages in a format older than Kafka 0.11")
        return Reading(EMPTY, end, (lost,))
    base, last = (
        int(each) for each in (heads[0, log.BASE_OFFSET], heads[0, log.BASE_OFFSET] + heads[0, log.LAST_DELTA])
    )
    doubt = (records.offset, found_sum)
    why = f"a batch whose checksum or offsets are wrong (base {base}, last {last})"
    ends = [last + 1] if len(heads) == 1 else [int(heads[1, log.BASE_OFFSET]), last + 1]
    for end in ends:
        if end > records.offset and _below_end(records, end - 1) and end - records.offset <= len(records.buffer):
            first = base if records.offset < base < end else records.offset
            return Reading(EMPTY, end, (LostRange(first, end - 1, why),), doubt=doubt)
    return Reading(EMPTY, records.offset, unreadable=f"{why}, and its end can't be told", doubt=doubt)


def _below_end(records: RecordSet, offset: int) -> bool:
    return records.stable_end < 0 or offset < records.stable_end


def _read_sound(records: RecordSet, heads: I64) -> Reading:
    """Batches that are as the broker took them; what is in them is still the producers' word."""
    buffer = records.buffer
    wanted = np.flatnonzero(committed(buffer, heads, records.aborted))
    lost: list[tuple[int, str]] = []
    plain, places = buffer, heads[wanted]
    if (places[:, log.ATTRIBUTES] & log.COMPRESSION).any():
        plain, places, lost, tried = _unpack(buffer, places)
        if tried < len(wanted):
            heads = heads[: wanted[tried]]
        wanted = wanted[:tried]
    readable = np.ones(len(places), bool)
    readable[[k for k, _ in lost]] = False
    columns, sound = _columns(records.offset, plain, places[readable])
    lost += [(int(k), "records that don't fit their batch") for k in np.flatnonzero(readable)[~sound]]
    after = int(heads[-1, log.BASE_OFFSET] + heads[-1, log.LAST_DELTA] + 1)
    return Reading(columns, max(after, records.offset), tuple(_ranges(records.offset, places, lost)))


def _unpack(buffer: U8, heads: I64) -> tuple[U8, I64, list[tuple[int, str]], int]:
    """The same batches uncompressed in a buffer of their own; which could not be, and why; how many of the batches were tried."""
    heads, pieces, at, lost = heads.copy(), [], 0, list[tuple[int, str]]()
    view, left, tried = buffer.data, UNPACKED_MAX_BYTES, 0
    for k, (begin, end, attributes) in enumerate(heads[:, [log.AT, log.END, log.ATTRIBUTES]].tolist()):
        if left <= 0:
            break
        body, codec = view[begin + log.HEADER : end], attributes & log.COMPRESSION
        try:
            piece = _plain(codec, body) if codec else body
            left -= len(piece)
        except UnpackError as error:
            lost.append((k, f"compression {codec}: {error}"))
            piece, left = body[:0], left - BATCH_MAX_BYTES
        pieces += [view[begin : begin + log.HEADER], piece]
        heads[k, log.AT], heads[k, log.END] = at, at + log.HEADER + len(piece)
        at, tried = at + log.HEADER + len(piece), k + 1
    return np.frombuffer(b"".join(pieces), np.uint8), heads[:tried], lost, tried


def _plain(codec: int, body: memoryview) -> bytes:
    if codec not in UNPACK:
        raise UnpackError("Kafka has none of this number")
    try:
        return UNPACK[codec](bytes(body), BATCH_MAX_BYTES)
    except MemoryError as error:
        raise UnpackError("it asks for more memory than there is") from error


def _columns(first: int, buffer: U8, heads: I64) -> tuple[Columns, npt.NDArray[np.bool_]]:
    room = int(np.maximum(heads[:, log.COUNT], 0).sum())
    room = min(room, len(buffer) // 7)  # the least that a record takes: a false count makes no false room
    offsets, times, starts, stops = (np.empty(room, np.int64) for _ in range(4))
    sound = np.zeros(len(heads), bool)
    n = int(log.read_records(buffer, heads, first, offsets, times, starts, stops, sound, np.empty(4, np.int64)))
    return Columns(offsets[:n], times[:n], Values((Chunk(buffer, starts[:n], stops[:n]),))), sound


def _ranges(first: int, heads: I64, lost: list[tuple[int, str]]) -> Iterator[LostRange]:
    """From the asked offset on, in order."""
    found: list[LostRange] = []
    for k, why in sorted(lost):
        base, last = int(heads[k, log.BASE_OFFSET]), int(heads[k, log.BASE_OFFSET] + heads[k, log.LAST_DELTA])
        if last < first:
            continue
        if len(found) >= LOST_MOST and found[-1].last + 1 == base:
            found[-1] = found[-1]._replace(last=last)
        else:
            found.append(LostRange(max(base, first), last, why))
    return iter(found)
