"""What agents know of sinks: protocols. The real ones and the memory twin are held to the same contract tests."""

from collections.abc import Sequence
from typing import Protocol

from pipeline.model.outcome import Block, Message


class BlockSink(Protocol):
    """Takes blocks, each under a deduplication token."""

    async def insert(self, block: Block, token: str) -> None:
        """Insert one block once: a repeat under the same token changes nothing.

        NotNow: repeat; Never: it can't be done.
        """

    async def has_progress(self, topic: str, epoch: str, partition: int) -> bool:
        """Whether the `progress` table knows of this partition.

        Then a missing committed offset is a loss, not a beginning.
        """

    async def write_progress(self, topic: str, epoch: str, partition: int, group: str, offset: int) -> None:
        """Note that this partition has been worked on up to `offset`."""


class MessageSink(Protocol):
    """Takes messages for Kafka."""

    async def send(self, messages: Sequence[Message]) -> None:
        """Produce all and wait until Kafka has acknowledged them. NotNow: repeat the whole."""
