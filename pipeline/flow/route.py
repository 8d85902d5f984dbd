"""`Route`: one topic's way through, as data that the worker is built from and a test holds to what happens.

Promises: what a route declares is all that anybody outside its file needs to know of its topic. Does not batch, send or
commit: that is the harness's.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.model.outcome import Message, Outcome
from pipeline.model.records import Records
from pipeline.settings import Settings
from pipeline.sinks.blocks.rows import dead_letter_rows
from schemas import topics
from schemas.dead_letter import DeadLetter
from schemas.families.base import Family

Work = Callable[[Records], Outcome]
"""A pure function of one range's records: no clock, no chance, no memory of earlier ranges."""

LETTER_BYTES_MAX = 16 << 20
"""Of one dead letter: well below what our topics take (20 MiB); a batch may unpack to more."""

ENDS_MAX = 512
"""At most so many items of one range are asked for their end."""

SAMPLE_MS = 10**12
"""Broker time of a sample's records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One topic's way through.

    `tables`, `topics`, `families` and `counts` are all that its work ever writes, sends, feeds and counts.
    """

    topic: str
    item: str
    """What its records hold, in the plural: what `items` counts and a dead letter's `item_index` numbers."""
    stages: tuple[str, ...]
    """In their order, for people."""
    row_shaping: tuple[str, ...]
    """Names of the settings on which its rows depend: a range that is rebuilt under others is told of."""
    work: Callable[[Settings], Work]
    sample: Callable[[Settings], Sequence[bytes]]
    """Records that pass through every stage and, under the settings of `tight`, meet every limit.

    No family of others is known to it.
    """
    tight: Mapping[str, object] = field(default_factory=dict)
    """Settings under which the sample meets every limit."""
    tables: tuple[str, ...]
    topics: tuple[str, ...]
    families: tuple[Family, ...] = ()
    """Whose partials it sends to stage 2: for each of them the topic is a source that windows wait for."""
    counts: tuple[str, ...] = ()
    """Self-metrics that it counts, a label's value after a colon where it is fixed (pipeline/telemetry.py)."""
    remembers: bool = False
    """Its work goes on from range to range: `pipeline.windowing` runs it, not the harness's exactly-once ranges.

    `work` is what it does afresh.
    """

    def warm_up(self, settings: Settings) -> Outcome:
        """The work on the sample: compiles every kernel that the route needs."""
        return self.work(settings)(records_of(self.topic, self.sample(settings), SAMPLE_MS))

    def shaping_hash(self, settings: Settings) -> str:
        """Of its row-shaping settings as they are: stands in each intent."""
        shaping = {name: getattr(settings, name) for name in self.row_shaping}
        text = json.dumps(shaping, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def dead_letters(letters: Sequence[DeadLetter]) -> Outcome:
    """Dead letters as rows and as messages; nothing for none."""
    if not letters:
        return Outcome()
    letters = [letter.capped(LETTER_BYTES_MAX) for letter in letters]
    messages = tuple(
        Message(topics.DEAD_LETTERS, letter.value, key=letter.topic.encode(), headers=tuple(letter.headers()))
        for letter in letters
    )
    reasons = Counter(f"dead_letters:{letter.reason}" for letter in letters)
    return Outcome(blocks=(dead_letter_rows(letters),), messages=messages, counts=reasons)


def records_of(topic: str, values: Sequence[bytes], at_ms: int) -> Records:
    """A range of these records, which all came at this broker time."""
    n = len(values)
    return Records(topic, "0" * 32, 0, 0, n, tuple(values), np.arange(n, dtype=np.int64), np.full(n, at_ms, np.int64))


def alone(topic: str, value: bytes, at_ms: int) -> Records:
    """A range of one record that came at this broker time."""
    return records_of(topic, (value,), at_ms)
