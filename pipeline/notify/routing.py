"""The tree of routes: labels in, nodes that take them out, with group, timings, mute times and escalation.

Promises: as Alertmanager walks it: an alert goes down into each child that matches, stops after the first that does
not say `continue`, and stays at a node where no child takes it; so the root takes what nobody else does. A node's key
stays the same while other routes come and go. Takes the time as an argument; tells nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.notify.config import (
    EVERY_LABEL,
    GROUP_INTERVAL_S,
    GROUP_WAIT_S,
    NONE,
    REPEAT_INTERVAL_S,
    Route,
    RoutingFile,
    Step,
)
from pipeline.notify.intervals import TimeInterval
from pipeline.notify.matchers import Matcher, Matchers, all_match, parse_all


@dataclass(frozen=True, slots=True)
class Node:
    """A route with all that it takes from those above. Times are seconds."""

    key: str
    """Its matchers after those of the nodes above, `{}` the root's."""
    receiver: str
    matchers: Matchers
    goes_on: bool
    """Whether its next sibling is asked, too."""
    group_by: tuple[str, ...]
    group_wait_s: int
    group_interval_s: int
    repeat_interval_s: int
    mute: tuple[TimeInterval, ...]
    active: tuple[TimeInterval, ...]
    escalation: str
    """Name of the policy, empty for none."""
    steps: tuple[Step, ...]
    below: tuple[Node, ...]

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels by which an alert is grouped here, in order; one that it lacks is left out."""
        names = labels if EVERY_LABEL in self.group_by else self.group_by
        return {name: labels[name] for name in sorted(names) if labels.get(name)}

    def group_key(self, labels: Mapping[str, str]) -> str:
        """Equal for alerts of one group at this node, and for no others."""
        told = ", ".join(str(Matcher(name, "=", value)) for name, value in self.group_labels(labels).items())
        return f"{self.key}:{{{told}}}"

    def muted_by(self, at: datetime) -> str:
        """Name of the time interval that keeps it quiet at a time; empty where none does.

        With active times, that is the first of them where none holds.
        """
        for interval in self.mute:
            if interval.holds(at):
                return interval.name
        if self.active and not any(interval.holds(at) for interval in self.active):
            return self.active[0].name
        return ""


class RoutingTree:
    """The nodes of a routing file, which must be without faults."""

    def __init__(self, file: RoutingFile) -> None:
        self.file = file
        self._intervals = {interval.name: interval for interval in file.time_intervals}
        self._steps = {policy.name: policy.steps for policy in file.escalations}
        above = Node(
            "", file.route.receiver or "", (), False, (), GROUP_WAIT_S, GROUP_INTERVAL_S, REPEAT_INTERVAL_S, (), (), "",
            (), (),
        )  # fmt: skip
        self.root = self._node(file.route, above, "{}")
        self.nodes = {node.key: node for node in _all(self.root)}

    def route(self, labels: Mapping[str, str]) -> tuple[Node, ...]:
        """The nodes that an alert comes to, at least one, in the tree's order."""
        return tuple(_taken(self.root, labels))

    def _node(self, route: Route, above: Node, key: str) -> Node:
        def of(name: str) -> tuple[TimeInterval, ...]:
            return tuple(self._intervals[one] for one in getattr(route, name))

        def said(value: int | None, otherwise: int) -> int:
            return otherwise if value is None else value

        policy = {None: above.escalation, NONE: ""}.get(route.escalation, route.escalation) or ""
        node = Node(
            key=key,
            receiver=route.receiver or above.receiver,
            matchers=parse_all(route.matchers),
            goes_on=route.continue_,
            group_by=route.group_by or above.group_by,
            group_wait_s=said(route.group_wait, above.group_wait_s),
            group_interval_s=said(route.group_interval, above.group_interval_s),
            repeat_interval_s=said(route.repeat_interval, above.repeat_interval_s),
            mute=of("mute_time_intervals"),
            active=of("active_time_intervals"),
            escalation=policy,
            steps=self._steps[policy] if policy else (),
            below=(),
        )
        keys: list[str] = []
        below = []
        for child in route.routes:
            own = f"{key}/{{{', '.join(map(str, sorted(parse_all(child.matchers), key=str)))}}}"
            keys.append(own)
            twin = keys.count(own)
            below.append(self._node(child, node, own if twin == 1 else f"{own}#{twin}"))
        return replace(node, below=tuple(below))


def _taken(node: Node, labels: Mapping[str, str]) -> Iterator[Node]:
    taken = False
    for child in node.below:
        if all_match(child.matchers, labels):
            taken = True
            yield from _taken(child, labels)
            if not child.goes_on:
                break
    if not taken:
        yield node


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in node.below:
        yield from _all(child)
