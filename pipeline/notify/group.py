"""One group of alerts at one route: what it holds, what was told of it, and what is due.

Promises: each change is told once (an alert that begins, one that ends); nothing while the route is muted or of a
silenced alert that fires; what was told is told as resolved to everybody who heard of it, also where it is silenced
by then. Its record is canonical JSON: equal state, equal bytes. Times are milliseconds since 1970 and arguments.
Routes nothing, sends nothing.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

import orjson

from pipeline.notify.routing import Node
from schemas.alert import Alert

_EPOCH: Final = datetime.fromtimestamp(0, UTC)

Reason: TypeAlias = Literal["change", "repeat", "escalation"]


@dataclass(frozen=True, slots=True)
class AlertNow:
    """What of an alert's present state decides who is told."""

    fingerprint: str
    labels: Mapping[str, str]
    firing: bool
    starts_ms: int
    """Of this firing: another one of the same alert has another start, and is a change."""
    acknowledged: bool = False
    silenced: bool = False

    @classmethod
    def of(cls, alert: Alert, *, acknowledged: bool = False, silenced: bool = False) -> AlertNow:
        """That of an alert as it stands on the topic, with what people said of it."""
        starts_ms = (alert.starts_at - _EPOCH) // timedelta(milliseconds=1)
        return cls(alert.fingerprint, alert.labels, alert.status == "firing", starts_ms, acknowledged, silenced)


@dataclass(frozen=True, slots=True)
class Notification:
    """One message that is due to one receiver. Alerts stand as fingerprints, sorted."""

    idempotency_key: str
    """Of this message alone, and the same whenever it is sent again."""
    receiver: str
    route: str
    group_key: str
    group_labels: Mapping[str, str]
    reason: Reason
    step: int
    """Of the escalation, from 1; 0 for what the route itself tells."""
    due_ms: int
    firing: tuple[str, ...]
    news: tuple[str, ...]
    """Those of `firing` that this receiver has not heard of. Without `send_resolved`, a channel hears of news only."""
    resolved: tuple[str, ...]


@dataclass(slots=True)
class Told:
    """What was told of one alert."""

    starts_ms: int
    last_ms: int
    """The first message, or the last step after it."""
    steps: int = 0
    """Steps of the escalation that were taken."""


@dataclass(slots=True)
class Group:
    """See the module."""

    key: str
    node: Node
    labels: Mapping[str, str]
    began_ms: int
    next_ms: int
    """When it is looked at again for changes and repeats."""
    last_told_ms: int = 0
    sent: int = 0
    """Messages so far."""
    told: dict[str, Told] = field(default_factory=dict)
    members: dict[str, AlertNow] = field(default_factory=dict)
    """Those that fire now; not part of the record, the topic of alerts has them."""
    wake_ms: int = 0
    """When something can be due, unless an alert changes before."""

    @property
    def over(self) -> bool:
        """Whether nothing fires and nothing is left to tell."""
        return not self.members and not self.told

    def put(self, alert: AlertNow, at_ms: int) -> None:
        """Take in an alert that fires. The first message waits `group_wait` from the first alert that may be heard."""
        self.members[alert.fingerprint] = alert
        if not self.told and not alert.silenced:
            self.next_ms = min(self.next_ms, at_ms + self.node.group_wait_s * 1000)

    def due(self, at_ms: int) -> list[Notification]:
        """What is to be told now; it counts as told."""
        muted = bool(self.node.muted_by(datetime.fromtimestamp(at_ms / 1000, UTC)))
        out: list[Notification] = []
        if self.next_ms <= at_ms:
            if not muted:
                out += self._changes(at_ms)
            interval_ms = self.node.group_interval_s * 1000
            self.next_ms += interval_ms * ((at_ms - self.next_ms) // interval_ms + 1)
        if not muted:
            out += self._escalate(at_ms)
        self.plan(muted=muted)
        return out

    def plan(self, *, muted: bool = False) -> None:
        """Set `wake_ms`. While muted it looks up at its intervals only."""
        steps = [] if muted else [when for _, when in self._steps_ahead()]
        self.wake_ms = min([self.next_ms, *steps])

    def record(self) -> bytes:
        """Everything that a restart must know."""
        told = {name: [one.starts_ms, one.last_ms, one.steps] for name, one in self.told.items()}
        return orjson.dumps(
            {
                "v": 1,
                "route": self.node.key,
                "receiver": self.node.receiver,
                "labels": dict(self.labels),
                "began_ms": self.began_ms,
                "next_ms": self.next_ms,
                "last_told_ms": self.last_told_ms,
                "sent": self.sent,
                "told": told,
            },
            option=orjson.OPT_SORT_KEYS,
        )

    def _changes(self, at_ms: int) -> Iterator[Notification]:
        audible = {name: alert for name, alert in self.members.items() if not alert.silenced}
        again = [
            name for name, one in audible.items() if name in self.told and self.told[name].starts_ms != one.starts_ms
        ]
        new = [name for name in audible if name not in self.told] + again
        gone = [name for name in self.told if name not in self.members]
        if new or gone:
            yield self._message(self.node.receiver, "change", 0, at_ms, audible, new, gone)
            yield from self._end_pages([*gone, *again], at_ms)
            for name in gone:
                del self.told[name]
            self.told.update({name: Told(audible[name].starts_ms, at_ms) for name in new})
            self.last_told_ms = at_ms
        elif at_ms - self.last_told_ms >= self.node.repeat_interval_s * 1000 and any(
            not alert.acknowledged for alert in audible.values()
        ):
            yield self._message(self.node.receiver, "repeat", 0, at_ms, audible, (), ())
            self.last_told_ms = at_ms

    def _end_pages(self, names: Iterable[str], at_ms: int) -> Iterator[Notification]:
        """Who heard of these by an escalation hears that they are over; an alert that fires anew pages anew."""
        heard: defaultdict[str, set[str]] = defaultdict(set)
        for name in names:
            for step in self.node.steps[: self.told[name].steps]:
                for receiver in step.receivers:
                    heard[receiver].add(name)
        for receiver in sorted(heard.keys() - {self.node.receiver}):
            yield self._message(receiver, "change", 0, at_ms, (), (), heard[receiver])

    def _escalate(self, at_ms: int) -> Iterator[Notification]:
        """One message a receiver, however many alerts and steps are due. A step that came late puts off the next."""
        heard: defaultdict[str, set[str]] = defaultdict(set)
        steps: defaultdict[str, int] = defaultdict(int)
        while due := [name for name, when in self._steps_ahead() if when <= at_ms]:
            for name in due:
                told = self.told[name]
                for receiver in self.node.steps[told.steps].receivers:
                    heard[receiver].add(name)
                    steps[receiver] = max(steps[receiver], told.steps + 1)
                told.steps, told.last_ms = told.steps + 1, at_ms
        for receiver in sorted(heard):
            yield self._message(receiver, "escalation", steps[receiver], at_ms, heard[receiver], heard[receiver], ())

    def _steps_ahead(self) -> Iterator[tuple[str, int]]:
        """Alerts that nobody has acknowledged, and when the next step is due for each."""
        if not self.node.steps:
            return
        for name, told in self.told.items():
            now = self.members.get(name)
            heard = now is not None and not now.silenced and not now.acknowledged and now.starts_ms == told.starts_ms
            if heard and told.steps < len(self.node.steps):
                yield name, told.last_ms + self.node.steps[told.steps].wait_s * 1000

    def _message(
        self,
        receiver: str,
        reason: Reason,
        step: int,
        at_ms: int,
        firing: Iterable[str],
        news: Iterable[str],
        resolved: Iterable[str],
    ) -> Notification:
        self.sent += 1
        identity = "\x00".join((self.key, str(self.began_ms), str(self.sent), receiver))
        return Notification(
            idempotency_key=hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=16).hexdigest(),
            receiver=receiver,
            route=self.node.key,
            group_key=self.key,
            group_labels=self.labels,
            reason=reason,
            step=step,
            due_ms=at_ms,
            firing=tuple(sorted(firing)),
            news=tuple(sorted(news)),
            resolved=tuple(sorted(resolved)),
        )


def read_record(key: str, record: bytes, nodes: Mapping[str, Node]) -> Group | None:
    """The group of a record; None where its route is gone or tells another receiver now, which has heard nothing.

    None, too, where the record is of another version.
    """
    data = orjson.loads(record)
    node = nodes.get(data["route"]) if data.get("v") == 1 else None
    if node is None or node.receiver != data["receiver"]:
        return None
    return Group(
        key=key,
        node=node,
        labels=data["labels"],
        began_ms=data["began_ms"],
        next_ms=data["next_ms"],
        last_told_ms=data["last_told_ms"],
        sent=data["sent"],
        told={name: Told(*one) for name, one in data["told"].items()},
    )
