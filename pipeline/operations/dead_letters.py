"""What the dead-letter topic holds, each id once, and sending one again.

Promises: a letter that was sent again is marked on the topic itself, so that no later call sends it twice; one that
would only die again is not sent, so that there is no second letter of it. Does not mend bytes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.flow import alone, dead_letters
from pipeline.harness.isolate import isolated
from pipeline.harness.types import Work
from pipeline.kafka.producer import KafkaMessages
from pipeline.kafka.reading import reader, whole
from pipeline.model.outcome import ITEMS, Message, Outcome
from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTERS

MARK = "tailrace.redriven"
"""Header of a record that says: this id was sent again."""


@dataclass(frozen=True, slots=True)
class Known:
    """Letters by id, and which of them were sent again."""

    letters: dict[str, DeadLetter]
    redriven: frozenset[str]


async def read(bootstrap: str) -> Known:
    """All of the topic."""
    async with reader(bootstrap) as consumer:
        return sort_out(await whole(consumer, DEAD_LETTERS))


def sort_out(records: Sequence[Any]) -> Known:
    """Letters and marks; what is neither is left out."""
    letters: dict[str, DeadLetter] = {}
    redriven = set()
    for record in records:
        headers = list(record.headers)
        mark = dict(headers).get(MARK)
        if mark is not None:
            redriven.add(mark.decode(errors="replace"))
            continue
        try:
            letter = DeadLetter.from_kafka(headers, record.value or b"")
        except ValueError:
            continue
        letters.setdefault(letter.id, letter)
    return Known(letters, frozenset(redriven))


def would_die(outcome: Outcome) -> bool:
    """Whether a record with this outcome would leave nothing but letters."""
    return not outcome.counts.get(ITEMS) and any(message.topic == DEAD_LETTERS for message in outcome.messages)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Letters that somebody wants to send again, by what would become of them."""

    sound: tuple[DeadLetter, ...]
    kept: int
    """Sent before, or without all their bytes."""
    unread: int
    """Of topics that no route of ours reads."""
    dying: int
    """Nothing but letters would come of them again."""

    def __str__(self) -> str:
        unread = f"{self.unread} are of topics that nothing here reads, " if self.unread else ""
        return (
            f"{len(self.sound)} sent again, {self.kept} were sent before or do not hold all their bytes, "
            f"{unread}{self.dying} would die again"
        )


def sort_by_fate(
    chosen: Sequence[DeadLetter], redriven: Collection[str], works: Mapping[str, Work], at_ms: int
) -> Sorted:
    """Try each letter's work on its bytes, as if they came at `at_ms`.

    Anybody may write to the topic of letters: none of them raises.
    """
    new = [one for one in chosen if one.id not in redriven and one.value and not one.left_out_bytes]
    read = [one for one in new if one.topic in works]
    ends = [isolated(works[one.topic], dead_letters, alone(one.topic, one.value, at_ms)) for one in read]
    sound = tuple(one for one, outcome in zip(read, ends, strict=True) if not would_die(outcome))
    return Sorted(sound, len(chosen) - len(new), len(new) - len(read), len(read) - len(sound))


async def redrive(bootstrap: str, letters: Sequence[DeadLetter]) -> None:
    """Send the bytes to the topic they came from, and mark them.

    The mark goes first, so that a crash in between sends none twice.
    """
    messages = KafkaMessages(bootstrap)
    try:
        for letter in letters:
            await messages.send(
                [Message(DEAD_LETTERS, b"", key=letter.topic.encode(), headers=((MARK, letter.id.encode()),))]
            )
            await messages.send([Message(letter.topic, letter.value)])
    finally:
        await messages.close()
