"""Whom a receiver means at a time: its own channels, and those of whoever is on call.

Promises: the same answer for a message and for `tailrace routes test`. Takes the time as an argument; reads no
secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.notify.channels import Channel
from pipeline.notify.config import RoutingFile


@dataclass(frozen=True, slots=True)
class Target:
    """One way to somebody."""

    receiver: str
    person: str
    """Who is on call; empty for the receiver's own channels."""
    channel: Channel

    def __str__(self) -> str:
        return f"{self.person} by {self.channel.label()}" if self.person else self.channel.label()


def targets(file: RoutingFile, receiver: str, at: datetime) -> tuple[Target, ...]:
    """All ways of a receiver, which must be in the file, at a time, which must know its zone."""
    found = file.receiver(receiver)
    own = tuple(Target(receiver, "", channel) for channel in found.channels)
    if found.on_call is None:
        return own
    name = file.rotation(found.on_call).on_call(at)
    return own + tuple(Target(receiver, name, channel) for channel in file.person(name).channels)
