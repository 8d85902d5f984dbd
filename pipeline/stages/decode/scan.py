"""One range's records of any signal, protobuf or JSON, to scanned tables: decoding without what it gives.

Promises: a record without a time that can be is given up, as is one whose JSON can't be read; each costs itself alone.
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from pipeline.kernels.wire.codes import BAD_TIME, MALFORMED
from pipeline.model.records import Records
from pipeline.model.span_columns import I64, U8
from pipeline.stages.decode.arena import joined
from pipeline.stages.decode.letters import OF_RECORD_MAX
from pipeline.stages.decode.otlp_json import Translation, json_records, translated
from pipeline.stages.decode.signals import Signal, Tables
from pipeline.stages.decode.tables import Bounds, Scanned, scanned

DAY_NS = 86_400_000_000_000
FIRST_MS, LAST_MS = 946_684_800_000, 4_102_444_800_000
"""2000 and 2100: a producer may write any time into a record, or none (-1), and one outside of these is none."""


class ScanRules(Protocol):
    """What of a signal's rules bounds its leaves."""

    @property
    def attributes_max(self) -> int:
        """Of one leaf, event, link, resource or scope."""

    @property
    def retain_d(self) -> int:
        """Days that leaves are kept."""

    @property
    def future_limit_s(self) -> int:
        """Seconds that a leaf's time may be ahead of its record's."""


def scan_of(
    records: Records, rules: ScanRules, signal: Signal[Tables], *, rows: bool, known: Translation | None = None
) -> tuple[Translation, U8, I64, Scanned[Tables]]:
    """(what JSON became, the arena, where each record begins in it, all tables).

    `known` is what JSON became, where that has been done already.
    """
    translation = known or translated(records.values, json_records(records.values), signal.form)
    buffer, start = joined(translation.values)
    times = records.timestamps_ms * 1_000_000
    limit = times + rules.future_limit_s * 1_000_000_000
    bounds = Bounds(times, times - rules.retain_d * DAY_NS, limit, rules.attributes_max, OF_RECORD_MAX)
    codes = codes_of(translation)
    codes[(codes == 0) & ~can_be(records.timestamps_ms)] = BAD_TIME
    return translation, buffer, start, scanned(buffer, start, codes, bounds, signal, with_rows=rows)


def can_be(times_ms: I64) -> npt.NDArray[np.bool_]:
    """Which times are some."""
    return np.asarray((times_ms >= FIRST_MS) & (times_ms < LAST_MS))


def codes_of(translation: Translation) -> I64:
    """MALFORMED for records whose JSON can't be read, else 0."""
    codes = np.zeros(len(translation.values), np.int64)
    codes[list(translation.bad_records)] = MALFORMED
    return codes
