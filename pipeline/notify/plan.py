"""What would come of an alert that begins now and goes on: who is told, when and by which channel.

Promises: asks the same tree, times and rotations as delivery does; nobody acknowledges and nothing else is in the
group. A message that a mute time puts off comes within `group_interval` after its end; the end is what is said. Takes
the time as an argument; tells nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pipeline.notify.routing import Node, RoutingTree
from pipeline.notify.targets import Target, targets

LOOK_AHEAD: Final = timedelta(days=8)
"""As far as the end of a mute time is sought."""


@dataclass(frozen=True, slots=True)
class Message:
    """One that would be sent."""

    at: datetime
    step: int
    """Of the escalation, from 1; 0 for the first message."""
    receiver: str
    targets: tuple[Target, ...]
    escalation: str = ""
    """The policy whose step it is."""


@dataclass(frozen=True, slots=True)
class Planned:
    """Of one route that takes the alert."""

    node: Node
    group_key: str
    muted_by: str
    """The time interval that puts the first message off; empty where none does."""
    quiet_until: datetime | None
    """When that ends; None where nothing is put off, or not within eight days."""
    messages: tuple[Message, ...]
    """Empty where the route stays quiet for longer than that."""


def plan(tree: RoutingTree, labels: Mapping[str, str], at: datetime) -> tuple[Planned, ...]:
    """For each route that takes an alert with these labels; the time must know its zone."""
    return tuple(_planned(tree, node, labels, at) for node in tree.route(labels))


def _planned(tree: RoutingTree, node: Node, labels: Mapping[str, str], at: datetime) -> Planned:
    first = at + timedelta(seconds=node.group_wait_s)
    muted_by = node.muted_by(first)
    when = _heard(node, first)
    quiet_until = when if muted_by else None
    messages: list[Message] = []
    if when is not None:
        messages.append(Message(when, 0, node.receiver, targets(tree.file, node.receiver, when)))
        for number, step in enumerate(node.steps, 1):
            when = _heard(node, when + timedelta(seconds=step.wait_s))
            if when is None:
                break
            for name in step.receivers:
                messages.append(Message(when, number, name, targets(tree.file, name, when), node.escalation))
    return Planned(node, node.group_key(labels), muted_by, quiet_until, tuple(messages))


def _heard(node: Node, at: datetime) -> datetime | None:
    """The first whole minute from then on at which the route is not quiet; the time itself where it is not now."""
    if not node.muted_by(at):
        return at
    minute = at.replace(second=0, microsecond=0)
    for _ in range(LOOK_AHEAD // timedelta(minutes=1)):
        minute += timedelta(minutes=1)
        if not node.muted_by(minute):
            return minute
    return None
