"""What would become of a request, told before it is taken.

By the same code that will decode it, so that no sender is told a success that isn't one.

Promises: `sound` spans are those that `decode` would give for a record with these bytes at this time; reads the bytes
once, makes no columns and no letters. Does not change the request.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from pipeline.errors import Never
from pipeline.kernels.wire.frames import BAD, LEAVES
from pipeline.kernels.wire.leaves.span_columns import Tables
from pipeline.model.records import Records
from pipeline.stages.decode.json_request import BadLeaf
from pipeline.stages.decode.json_text import Json
from pipeline.stages.decode.letters import why
from pipeline.stages.decode.otlp_json import translated_document
from pipeline.stages.decode.rules import DecodeRules
from pipeline.stages.decode.scan import scan_of
from pipeline.stages.decode.signals import SPANS
from pipeline.stages.decode.tables import Scanned


@dataclass(frozen=True, slots=True)
class Refused:
    """Some spans that would become dead letters, all for one reason; `error` says of one of them what is wrong."""

    reason: str
    error: str
    count: int


@dataclass(frozen=True, slots=True)
class Checked:
    """Of one request: how many spans it has, how many are sound, and why the others are not, the most frequent reason first."""

    spans: int
    sound: int
    refused: tuple[Refused, ...] = ()

    @property
    def message(self) -> str:
        """For the sender: what is wrong, in one line; empty where nothing is."""
        return "; ".join(f"{one.count} x {one.reason}: {one.error}" for one in self.refused)


def check(value: bytes, rules: DecodeRules, now_ms: int, document: Json = None) -> Checked:
    """Look at one request, protobuf or JSON. Never with reason and text: it can't be read as one.

    `document` is the request as `loads` gives it, where it is JSON and parsed already. About 0.15 us a span in
    protobuf; JSON is read by Python, some 20 us a span. Releases the GIL for protobuf.
    """
    one = np.zeros(1, np.int64)
    records = Records("", "0" * 32, 0, 0, 1, (value,), one, one + now_ms)
    known = None if document is None else translated_document(document)
    translation, _, _, tables = scan_of(records, rules, SPANS, rows=False, known=known)
    if tables.record_codes[0]:
        complaint = translation.bad_records.get(0)
        reason, error = why(tables, int(tables.record_codes[0]))
        raise Never(complaint.reason, complaint.error) if complaint else Never(reason, error)
    sound, bad = tables.rows[LEAVES], tables.rows[BAD] + int(tables.more_bad[0])
    return Checked(sound + bad, sound, _refused(tables, translation.bad_leaves))


def _refused(tables: Scanned[Tables], complained: dict[tuple[int, int], BadLeaf]) -> tuple[Refused, ...]:
    counts: Counter[str] = Counter()
    errors: dict[str, str] = {}
    bad = tables.tables.bad
    for i in range(tables.rows[BAD]):
        leaf = complained.get((0, int(bad.nth[i])))
        reason, error = (leaf.reason, leaf.error) if leaf else why(tables, int(bad.code[i]))
        counts[reason] += 1
        errors.setdefault(reason, error)
    if more := int(tables.more_bad[0]):
        counts["too_many_bad"] += more
        errors["too_many_bad"] = "not told one by one"
    return tuple(Refused(reason, errors[reason], count) for reason, count in counts.most_common())
