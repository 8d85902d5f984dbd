"""Work that fails on a range is done without the records at fault, and each of those becomes a dead letter.

Promises: whatever the work raises, the range's other records are worked on, in one outcome for the whole range; a pure
function of the records as far as the work is one, so a range that is rebuilt gives the same outcome and the same
letters. An error's text may hold what a client sent, so a letter names the error's kind and the line that raised it,
nothing else. Does not know what a record means; a death of the whole process is not seen here.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from pipeline.errors import Misconfigured, Never
from pipeline.harness.types import Work
from pipeline.model.outcome import Block, Outcome
from pipeline.model.records import LostRange, Records
from pipeline.model.values import Values
from schemas.dead_letter import DeadLetter

log = logging.getLogger(__name__)

FAULTS_MAX = 1000
"""More faults in one range are not told apart: what is left of the stretch that is being searched is given up whole.

Each costs a few runs of the work.
"""

REASON = "work_failed"


def isolated(work: Work, letters: Callable[[Sequence[DeadLetter]], Outcome], records: Records) -> Outcome:
    """The work's outcome. Misconfigured goes up: then no record is at fault.

    What the work raises for no records at all goes up, too. Costs nothing where nothing fails; else about 2 log2(n)
    runs a fault, over halves of the range, and one over what is sound.
    """
    faults: dict[int, Exception] = {}
    while True:
        left = np.setdiff1d(np.arange(len(records.values)), list(faults))
        try:
            outcome = work(_some(records, left) if faults else records)
            break
        except Misconfigured:
            raise
        except Exception as error:
            if not len(left):
                raise
            log.error(
                "%s/%s: the work on [%s, %s) fails with %s; it is done again without what is at fault",
                *_range(records),
                _told(error),
            )
            faults |= {int(left[at]): why for at, why in _faults(work, _some(records, left), error).items()}
    if not faults and not records.lost:
        return outcome
    own = [_letter(records, at, why) for at, why in sorted(faults.items())]
    told = letters([*own, *(_lost(records, one) for one in records.lost)])
    counts = Counter(outcome.counts)
    counts.update(told.counts)
    return replace(
        outcome,
        blocks=(*outcome.blocks, *(_apart(block) for block in told.blocks)),
        messages=(*outcome.messages, *told.messages),
        dead_records=outcome.dead_records + len(faults),
        counts=counts,
    )


def skipped(records: Records, letters: Callable[[Sequence[DeadLetter]], Outcome]) -> Outcome:
    """Every record of the range as a dead letter, and nothing else of it.

    The way past a batch that can never be inserted.
    """
    error = (
        f"skipped by hand with the range [{records.start_offset}, {records.end_offset}); "
        "tables that took the batch before another refused it hold its rows"
    )
    told = letters(
        [
            DeadLetter(
                topic=records.topic,
                epoch=records.epoch,
                partition=records.partition,
                offset=int(records.offsets[at]),
                stage="harness",
                reason="skipped",
                error=error,
                first_seen_ms=max(0, int(records.timestamps_ms[at])),
                value=records.values[at],
            )
            for at in range(len(records.values))
        ]
        + [_lost(records, one) for one in records.lost]
    )
    blocks = tuple(replace(block, part="skipped") for block in told.blocks)
    return replace(told, blocks=blocks, dead_records=len(records.values))


def _faults(work: Work, records: Records, error: Exception) -> dict[int, Exception]:
    """Place of each record that fails by itself → what it raises; `error` is what all of them together raised."""
    faults: dict[int, Exception] = {}
    stretches: list[tuple[int, int, Exception]] = [(0, len(records.values), error)]
    while stretches:
        first, end, raised = stretches.pop()
        if end - first <= 1 or len(faults) >= FAULTS_MAX:
            faults.update(dict.fromkeys(range(first, end), raised))
            continue
        middle = (first + end) // 2
        failed = [
            (low, high, again)
            for low, high in ((first, middle), (middle, end))
            if (again := _raised(work, records, low, high)) is not None
        ]
        # Halves that are sound only apart: no record fails by itself, and what fails together is given up together.
        stretches += failed or [(at, at + 1, raised) for at in range(first, end)]
    return faults


def _raised(work: Work, records: Records, first: int, end: int) -> Exception | None:
    try:
        work(_some(records, np.arange(first, end)))
    except Misconfigured:
        raise
    except Exception as error:  # noqa: BLE001 - as above
        return error
    return None


def _some(records: Records, places: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Records:
    """The same range with these records alone."""
    values = [records.values[at] for at in places.tolist()]
    return replace(
        records,
        values=Values.of(values),
        offsets=records.offsets[places],
        timestamps_ms=records.timestamps_ms[places],
    )


def _letter(records: Records, at: int, error: Exception) -> DeadLetter:
    return DeadLetter(
        topic=records.topic,
        epoch=records.epoch,
        partition=records.partition,
        offset=int(records.offsets[at]),
        stage="work",
        reason=error.reason if isinstance(error, Never) else REASON,
        error=f"{_told(error)}: a fault of Tailrace's own, please report it",
        first_seen_ms=max(0, int(records.timestamps_ms[at])),
        value=records.values[at],
    )


def _lost(records: Records, one: LostRange) -> DeadLetter:
    return DeadLetter(
        topic=records.topic,
        epoch=records.epoch,
        partition=records.partition,
        offset=one.first,
        stage="read",
        reason="range_lost",
        error=f"records [{one.first}, {one.last + 1}) can't be read: {one.why}"[:1000],
        first_seen_ms=max(0, int(records.timestamps_ms.max())) if len(records.timestamps_ms) else 0,
    )


def _told(error: Exception) -> str:
    return f"{type(error).__name__} at {_place(error.__traceback__)}"


def _place(traceback: TracebackType | None) -> str:
    """file:line of the last frame."""
    if traceback is None:
        return "an unknown place"
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{Path(traceback.tb_frame.f_code.co_filename).name}:{traceback.tb_lineno}"


def _apart(block: Block) -> Block:
    """The work may have letters of its own for the same table: these go in under a token of their own."""
    return replace(block, part=REASON)


def _range(records: Records) -> tuple[str, int, int, int]:
    return records.topic, records.partition, records.start_offset, records.end_offset
