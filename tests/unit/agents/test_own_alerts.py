"""What a worker tells of itself: each state its alert, told once and resolved once, whoever owns the partition by then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from pydantic import ValidationError

from pipeline.agents.own_alerts import OwnAlerts
from pipeline.alerting.own import HOLD_S, PartitionHealth
from pipeline.detect.absence import AbsenceRule
from pipeline.errors import NotNow
from pipeline.harness.types import Membership, Partition
from pipeline.sinks.alert_topic import AlertStates
from pipeline.sinks.memory import MemoryBlocks, MemoryMessages
from schemas.alert import Alert

WELL = PartitionHealth("otlp.spans", 3)
ILL: Mapping[str, PartitionHealth] = {
    "TailraceHalted": PartitionHealth("otlp.spans", 3, halted="constraint: refused"),
    "TailraceBehind": PartitionHealth("otlp.spans", 3, lag_s=61),
    "TailraceStoreRefuses": PartitionHealth("otlp.spans", 3, sink_waits_s=31),
    "TailraceDeadLetters": PartitionHealth("otlp.spans", 3, dead_share=0.9),
    "TailraceClockSkew": PartitionHealth("otlp.spans", 3, skew_s=-3600),
}


@dataclass
class World:
    """One topic of alerts, and workers that come and go."""

    states: list[PartitionHealth] = field(default_factory=list)
    member: Membership | None = None
    messages: MemoryMessages = field(default_factory=MemoryMessages)
    blocks: MemoryBlocks = field(default_factory=MemoryBlocks)

    @property
    def membership(self) -> Membership | None:
        return self.member

    def health(self) -> Sequence[PartitionHealth]:
        return self.states

    async def firing(self) -> list[Alert]:
        topic = AlertStates()
        topic.read((message.key, message.value) for message in self.messages.messages)
        return topic.firing()

    def worker(self, *partitions: int) -> OwnAlerts:
        self.member = Membership(1, "worker", frozenset(Partition("otlp.spans", one) for one in partitions))
        return OwnAlerts(self, self.firing, self.messages, self.blocks)

    def told(self) -> list[tuple[str, str]]:
        topic = AlertStates()
        alerts = topic.read((message.key, message.value) for message in self.messages.messages)
        return [(alert.labels["alertname"], alert.status) for alert in alerts]


@pytest.mark.parametrize("name", ILL)
async def test_each_state_is_told_once_and_resolved_once(name: str) -> None:
    world = World([ILL[name]])
    worker = world.worker(3)
    for at_s in range(0, 300, 5):
        await worker.look(at_s * 1000)
    assert world.told() == [(name, "firing")]
    world.states = [WELL]
    for at_s in range(300, 500, 5):
        await worker.look(at_s * 1000)
    assert world.told() == [(name, "firing"), (name, "resolved")]
    assert sum(block.rows for block in world.blocks.blocks.values()) == 2


def test_every_name_has_its_times() -> None:
    assert set(HOLD_S) == set(ILL)


async def test_what_is_well_tells_nothing() -> None:
    world = World([WELL])
    worker = world.worker(3)
    for at_s in range(0, 600, 5):
        await worker.look(at_s * 1000)
    assert world.messages.messages == []


async def test_a_try_every_ten_seconds_ends_no_alert() -> None:
    world = World([ILL["TailraceHalted"]])
    worker = world.worker(3)
    for at_s in range(0, 300, 5):
        world.states = [WELL if at_s % 15 == 0 else ILL["TailraceHalted"]]
        await worker.look(at_s * 1000)
    assert world.told() == [("TailraceHalted", "firing")]


async def test_another_worker_goes_on_where_one_ended() -> None:
    world = World([ILL["TailraceHalted"]])
    await world.worker(3).look(0)
    stranger = world.worker(4)
    world.states = []
    for at_s in range(5, 300, 5):
        await stranger.look(at_s * 1000)
    world.states = [ILL["TailraceHalted"]]
    successor = world.worker(3)
    await successor.look(300_000)
    assert world.told() == [("TailraceHalted", "firing")]
    world.states = [WELL]
    for at_s in range(305, 400, 5):
        await successor.look(at_s * 1000)
    assert world.told() == [("TailraceHalted", "firing"), ("TailraceHalted", "resolved")]


async def test_a_change_that_could_not_go_out_goes_out_with_the_next_look() -> None:
    world = World([ILL["TailraceHalted"]])
    worker = world.worker(3)
    world.messages.failures.append(NotNow("the broker is away"))
    with pytest.raises(NotNow):
        await worker.look(0)
    assert world.told() == []
    await worker.look(5000)
    assert world.told() == [("TailraceHalted", "firing")]


async def test_a_store_that_is_away_holds_up_no_alert_and_hears_of_it_later() -> None:
    world = World([ILL["TailraceStoreRefuses"]])
    worker = world.worker(3)
    world.blocks.failures.append(NotNow("the store is away"))
    with pytest.raises(NotNow):
        await worker.look(0)
    assert world.told() == [("TailraceStoreRefuses", "firing")]
    assert not world.blocks.blocks
    await worker.look(5000)
    assert [block.rows for block in world.blocks.blocks.values()] == [1]


def test_no_rule_may_have_such_a_name() -> None:
    with pytest.raises(ValidationError, match="an alert of Tailrace itself"):
        AbsenceRule.model_validate({"name": "TailraceHalted", "severity": "info", "silent_for": 60})
