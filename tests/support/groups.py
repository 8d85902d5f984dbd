"""Groups of alerts over any history, and what was told of it: for tests of `pipeline.notify`.

Promises: time is an argument; a restart goes through the records alone. Does not judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pipeline.notify.config import RoutingFile, faults
from pipeline.notify.group import AlertNow, Notification
from pipeline.notify.groups import Groups
from pipeline.notify.routing import RoutingTree

CHANNEL = {"kind": "webhook", "url": "http://127.0.0.1:1"}
T0 = 1_772_323_200_000
"""2026-03-01T00:00:00Z."""
WAIT_S, INTERVAL_S, REPEAT_S = 10, 60, 600


def tree(route: Mapping[str, object], **more: object) -> RoutingTree:
    base = {
        "receiver": "team",
        "group_by": ["g"],
        "group_wait": WAIT_S,
        "group_interval": INTERVAL_S,
        "repeat_interval": REPEAT_S,
    }
    said = {
        "route": {**base, **route},
        "receivers": [{"name": name, "channels": [CHANNEL]} for name in ("team", "pager", "lead", "chat")],
        **more,
    }
    file = RoutingFile.model_validate(said)
    assert list(faults(file)) == []
    return RoutingTree(file)


WAKE = {
    "name": "wake",
    "steps": [{"wait_s": 100, "receivers": ["pager"]}, {"wait_s": 50, "receivers": ["lead", "pager"]}],
}
NIGHT = {"name": "night", "time_intervals": [{"times": [{"start_time": "00:05", "end_time": "00:15"}]}]}
PLAIN = tree({})
PAGING = tree({"escalation": "wake"}, escalations=[WAKE])
FULL = tree(
    {
        "routes": [
            {"matchers": ["a=x"], "receiver": "pager", "escalation": "wake", "continue": True},
            {"matchers": ["a=x"], "receiver": "chat", "group_by": ["..."], "group_wait": 0},
            {"matchers": ["a=y"], "receiver": "chat", "mute_time_intervals": ["night"]},
        ]
    },
    escalations=[WAKE],
    time_intervals=[NIGHT],
)


LABELS = {name: {"name": name, "g": g, "a": a} for name, g, a in ("p1x", "q1x", "r2x", "s1y", "t2z", "u1z")}


def alert(name: str, at_s: int = 0, **labels: str) -> AlertNow:
    return AlertNow(name, {"name": name, "g": "1", **labels}, True, T0 + at_s * 1000)


@dataclass
class World:
    """A driver that asks at just the times it is told to, and notes every message."""

    routes: RoutingTree
    restarts: bool = False
    now_s: int = 0
    present: dict[str, AlertNow] = field(default_factory=dict)
    sent: list[Notification] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.groups = Groups(self.routes)
        self.kept: dict[str, bytes] = {}

    @property
    def now_ms(self) -> int:
        return T0 + self.now_s * 1000

    def put(self, *alerts: AlertNow) -> None:
        self.present.update({one.fingerprint: one for one in alerts})
        self.groups.update(alerts, self.now_ms)
        self.restart()
        self.ask()

    def wait(self, seconds: int) -> list[Notification]:
        """The messages of this time."""
        before = len(self.sent)
        until = self.now_s + seconds
        while (at := self.groups.next_ms()) is not None and at <= T0 + until * 1000:
            assert at > self.now_ms, "it would be asked for ever"
            self.now_s = (at - T0) // 1000
            self.ask()
        self.now_s = until
        return self.sent[before:]

    def ask(self) -> None:
        self.sent += self.groups.due(self.now_ms)
        assert self.groups.due(self.now_ms) == [], "asked twice, told twice"
        self.restart()

    def restart(self) -> None:
        """Keep what changed, as on a compacted topic; then, if wanted, begin anew from it."""
        for key, record in self.groups.changed().items():
            if record is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = record
        assert self.kept == self.groups.records()
        if self.restarts:
            firing = [one for one in self.present.values() if one.firing]
            self.groups = Groups.restore(self.routes, self.kept, firing, self.now_ms)
            assert self.groups.records() == self.kept

    def act(self, what: str, name: str, seconds: int) -> None:
        now = self.present.get(name)
        if what == "wait":
            self.wait(seconds)
        elif what == "fire" and (now is None or not now.firing):
            self.put(AlertNow(name, LABELS[name], True, self.now_ms, silenced=bool(now and now.silenced)))
        elif what == "resolve" and now is not None and now.firing:
            self.put(replace(now, firing=False, acknowledged=False))
        elif what == "ack" and now is not None and now.firing:
            self.put(replace(now, acknowledged=True))
        elif what in ("silence", "unsilence") and now is not None:
            self.put(replace(now, silenced=what == "silence"))
