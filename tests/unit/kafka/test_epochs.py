"""A topic's id as asked of Kafka: an answer is never older than its question, and many askers share one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from pipeline.errors import NotNow
from pipeline.kafka.epochs import Epochs


class Kafka:
    """Answers when it is let, with what was true when the question came."""

    def __init__(self) -> None:
        self.id, self.questions, self.let = "one", 0, asyncio.Event()

    async def ask(self, topics: Sequence[str]) -> Mapping[str, str]:
        self.questions += 1
        answer = self.id
        await self.let.wait()
        if answer == "away":
            raise NotNow("away")
        return dict.fromkeys(topics, answer)


async def test_an_answer_under_way_is_not_for_those_who_ask_later() -> None:
    kafka = Kafka()
    epochs = Epochs(kafka.ask, ["t"])
    early = asyncio.create_task(epochs.same("t", "one"))
    while not kafka.questions:  # noqa: ASYNC110 - turns of the loop, no time passes
        await asyncio.sleep(0)
    kafka.id = "two"
    late = [asyncio.create_task(epochs.same("t", "one")) for _ in range(3)]
    await asyncio.sleep(0)
    kafka.let.set()
    assert await early
    assert await asyncio.gather(*late) == [False] * 3
    assert kafka.questions == 2


async def test_a_topic_that_is_gone_is_not_the_same_and_a_kafka_that_is_away_is_said() -> None:
    kafka = Kafka()
    kafka.let.set()
    epochs = Epochs(kafka.ask, ["t"])
    assert not await epochs.same("gone", "one")
    kafka.id = "away"
    with pytest.raises(NotNow):
        await epochs.same("t", "one")
    kafka.id = "one"
    assert await epochs.same("t", "one")
