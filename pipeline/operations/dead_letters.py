"""What the dead-letter topic holds, each id once, and sending one again.

Promises: a letter that was sent again is marked on the topic itself, so that no later call sends it twice; one that would only die again is
not sent, so that there is no second letter of it. Does not mend bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


async def redrive(bootstrap: str, letters: Sequence[DeadLetter]) -> None:
    """Send the bytes to the topic they came from, and mark them; the mark goes first, so that a crash in between sends none twice."""
    messages = KafkaMessages(bootstrap)
    try:
        for letter in letters:
            await messages.send(
                [Message(DEAD_LETTERS, b"", key=letter.topic.encode(), headers=((MARK, letter.id.encode()),))]
            )
            await messages.send([Message(letter.topic, letter.value)])
    finally:
        await messages.close()
