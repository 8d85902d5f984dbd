"""Whether topics are still those of their epochs, asked of Kafka, one question at a time for all who want to know.

Promises: an answer comes from a question that was sent after the call. NotNow where Kafka does not answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

Ask = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]
"""Names → ids of those that exist. NotNow."""


class Epochs:
    """See the module."""

    def __init__(self, ask: Ask, topics: Sequence[str]) -> None:
        self._ask, self._topics = ask, topics
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[Mapping[str, str]] | None = None
        """A question that is not sent yet."""

    async def same(self, topic: str, epoch: str) -> bool:
        """Whether the topic's id is this one."""
        if self._next is None:
            self._next = asyncio.create_task(self._question())
        return (await asyncio.shield(self._next)).get(topic) == epoch

    async def _question(self) -> Mapping[str, str]:
        async with self._one_at_a_time:
            self._next = None
            return await self._ask(self._topics)
