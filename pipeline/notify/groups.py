"""All groups of alerts: present states and the time in, due messages out. What a delivery process drives.

Promises: nothing is told twice for the same change; every alert that fires and may be heard is told within
`group_wait` where its group was not told of yet, else within `group_interval`; alerts of a group that begin together
are one message; `restore` of `records` and the alerts' present states goes on as if nothing had been, to the byte.
Who drives it keeps the records before it sends. Knows no clock, no network, no receiver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pipeline.notify.group import AlertNow, Group, Notification, read_record
from pipeline.notify.routing import RoutingTree


class Groups:
    """See the module. Times are milliseconds since 1970, and must not run backwards."""

    def __init__(self, tree: RoutingTree) -> None:
        self._tree = tree
        self._groups: dict[str, Group] = {}
        self._places: dict[str, tuple[str, ...]] = {}
        """Fingerprint → keys of its groups."""
        self._changed: set[str] = set()

    @classmethod
    def restore(
        cls, tree: RoutingTree, records: Mapping[str, bytes], present: Iterable[AlertNow], at_ms: int
    ) -> Groups:
        """From records by group key, and all alerts that fire now: one that was told and is not among them is over.

        Groups whose route is gone, or has another receiver, are dropped (`changed` says so); what moved from one route to
        another begins there anew and is not told as resolved where it was.
        """
        self = cls(tree)
        for key in sorted(records):
            group = read_record(key, records[key], tree.nodes)
            if group is None:
                self._changed.add(key)
                continue
            self._groups[key] = group
            for name in group.told:
                self._places[name] = (*self._places.get(name, ()), key)
        kept = frozenset(self._groups)
        for alert in present:
            if alert.firing:
                self._enter(alert, at_ms, kept)
        for group in list(self._groups.values()):
            self._settle(group)
        return self

    def update(self, alerts: Iterable[AlertNow], at_ms: int) -> None:
        """Take in alerts' states as they are now."""
        touched: dict[str, Group] = {}
        for alert in alerts:
            if alert.firing:
                keys = self._enter(alert, at_ms, frozenset())
            else:
                keys = tuple(key for key in self._places.get(alert.fingerprint, ()) if key in self._groups)
                for key in keys:
                    self._groups[key].members.pop(alert.fingerprint, None)
                if not any(alert.fingerprint in self._groups[key].told for key in keys):
                    self._places.pop(alert.fingerprint, None)
            touched.update((key, self._groups[key]) for key in keys)
        self._changed.update(touched)
        for group in touched.values():
            self._settle(group)

    def due(self, at_ms: int) -> list[Notification]:
        """What is to be told now, in the order of group keys; it counts as told."""
        out: list[Notification] = []
        for key in sorted(key for key, group in self._groups.items() if group.wake_ms <= at_ms):
            group = self._groups[key]
            before = set(group.told)
            out += group.due(at_ms)
            for name in before - group.told.keys() - group.members.keys():
                left = tuple(other for other in self._places.get(name, ()) if other != key)
                if left:
                    self._places[name] = left
                else:
                    self._places.pop(name, None)
            self._changed.add(key)
            if group.over:
                del self._groups[key]
        return out

    def next_ms(self) -> int | None:
        """When `due` is to be asked next, unless an alert changes before; None where nothing is ahead."""
        return min((group.wake_ms for group in self._groups.values()), default=None)

    def records(self) -> dict[str, bytes]:
        """All that a restart must know: group key → record."""
        return {key: self._groups[key].record() for key in sorted(self._groups)}

    def changed(self) -> dict[str, bytes | None]:
        """The records that may have changed since the last call; None where the group is gone."""
        keys, self._changed = sorted(self._changed), set()
        return {key: self._groups[key].record() if key in self._groups else None for key in keys}

    def _enter(self, alert: AlertNow, at_ms: int, kept: frozenset[str]) -> tuple[str, ...]:
        """Into its groups, made where they are not there. `kept`: groups whose times stand as they were."""
        nodes = self._tree.route(alert.labels)
        keys = tuple(node.group_key(alert.labels) for node in nodes)
        for node, key in zip(nodes, keys, strict=True):
            group = self._groups.get(key)
            if group is None:
                wait_ms = node.group_wait_s * 1000
                group = Group(key, node, node.group_labels(alert.labels), at_ms, at_ms + wait_ms)
                self._groups[key] = group
                self._changed.add(key)
            if key in kept:
                group.members[alert.fingerprint] = alert
            else:
                group.put(alert, at_ms)
        for moved in set(self._places.get(alert.fingerprint, ())) - set(keys):
            self._groups[moved].told.pop(alert.fingerprint, None)
            self._changed.add(moved)
        self._places[alert.fingerprint] = keys
        return keys

    def _settle(self, group: Group) -> None:
        if group.over:
            self._groups.pop(group.key, None)
        else:
            group.plan()
