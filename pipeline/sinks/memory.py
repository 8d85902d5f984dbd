"""The memory twin of the sinks: keeps blocks and messages, drops a block whose token it has seen, as the store does.

Promises: the same protocols and the same answers as the real sinks. Does not survive its process.
"""

from collections.abc import Sequence

from pipeline.model.outcome import Block, Message


class MemoryBlocks:
    """A BlockSink. `fail` is asked before each insert and may raise NotNow or Never."""

    def __init__(self) -> None:
        self.blocks: dict[str, Block] = {}
        """By token, in the order of their arrival."""
        self.known: set[tuple[str, str, int]] = set()
        self.failures: list[BaseException] = []
        """Raised one after the other before inserts succeed."""

    async def insert(self, block: Block, token: str) -> None:
        """Keep it once."""
        if self.failures:
            raise self.failures.pop(0)
        self.blocks.setdefault(token, block)

    async def has_progress(self, topic: str, epoch: str, partition: int) -> bool:
        """As told."""
        return (topic, epoch, partition) in self.known

    async def write_progress(self, topic: str, epoch: str, partition: int, group: str, offset: int) -> None:
        """Remember that it was worked on."""
        self.known.add((topic, epoch, partition))


class MemoryMessages:
    """A MessageSink."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.failures: list[BaseException] = []

    async def send(self, messages: Sequence[Message]) -> None:
        """Keep all."""
        if self.failures:
            raise self.failures.pop(0)
        self.messages.extend(messages)
