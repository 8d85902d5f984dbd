"""The routing file: receivers, the tree of routes, time intervals, people, on-call rotations, escalations.

Promises: frozen and checked, names that are used are there (`faults` says which are not, and where); key names and
defaults of the tree are Alertmanager's. Does not read files (see `notify.files`) and routes nothing (see
`notify.routing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from pipeline.alerting.rules import nearest
from pipeline.notify.channels import AnyChannel
from pipeline.notify.intervals import TimeInterval
from pipeline.notify.matchers import parse_all
from pipeline.notify.oncall import Rotation
from pipeline.notify.values import Duration, Name, Part, Period

EVERY_LABEL: Final = "..."
"""In `group_by`: each alert is a group of its own."""
NONE: Final = "none"
"""As an `escalation`: none, though the route above has one."""
GROUP_WAIT_S: Final = 30
GROUP_INTERVAL_S: Final = 300
REPEAT_INTERVAL_S: Final = 4 * 3600

Path: TypeAlias = tuple[str | int, ...]


def _texts(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _readable(texts: tuple[str, ...]) -> tuple[str, ...]:
    parse_all(texts)
    return texts


def _labels(names: tuple[str, ...]) -> tuple[str, ...]:
    if EVERY_LABEL in names and len(names) > 1:
        raise ValueError(f"{EVERY_LABEL!r} means every label: leave out the others")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"{min(twice)!r} stands twice")
    return names


_ONE_OR_MANY: Final = BeforeValidator(_texts, json_schema_input_type=str | tuple[str, ...])
Texts: TypeAlias = Annotated[tuple[str, ...], _ONE_OR_MANY]


class Receiver(Part):
    """Somebody who can be told."""

    name: Name
    channels: tuple[AnyChannel, ...] = ()
    on_call: Name | None = Field(None, description="a rotation: whoever is on call is told, too, by their own channels")
    fallback: Name | None = Field(None, description="the receiver that is told where none of these channels works")


class Person(Part):
    """Somebody who takes part in rotations."""

    name: Name
    channels: tuple[AnyChannel, ...] = Field(min_length=1)


class Step(Part):
    """Whom to tell when nobody has acknowledged for a while."""

    wait_s: Duration = Field(300, description="after the step before, or after the first message; seconds, or like 5m")
    receivers: Annotated[tuple[Name, ...], _ONE_OR_MANY] = Field(min_length=1)


class Escalation(Part):
    """Steps, one after the other, until somebody acknowledges."""

    name: Name
    steps: tuple[Step, ...] = Field(min_length=1)


class Route(Part):
    """A node of the tree. What is not said is taken from the node above; mute and active times are not."""

    receiver: Name | None = None
    matchers: Annotated[Texts, AfterValidator(_readable)] = Field(
        (), description='all must match: service="shop", severity=~"critical|warning", team!="", env!~"test.*"'
    )
    continue_: bool = Field(False, alias="continue", description="go on with the next sibling, too")
    group_by: Annotated[Texts, AfterValidator(_labels)] = Field(
        (), description="labels; '...' for every one, so that nothing is grouped"
    )
    group_wait: Duration | None = Field(None, description="before the first message of a group; 30s")
    group_interval: Period | None = Field(None, description="between messages of a group that changed; 5m")
    repeat_interval: Period | None = Field(None, description="between messages of one that did not; 4h")
    mute_time_intervals: Annotated[tuple[Name, ...], _ONE_OR_MANY] = ()
    active_time_intervals: Annotated[tuple[Name, ...], _ONE_OR_MANY] = ()
    escalation: Name | None = Field(None, description="policy; `none` to have none though the route above has one")
    routes: tuple[Route, ...] = ()


class RoutingFile(Part):
    """All of it."""

    route: Route
    receivers: tuple[Receiver, ...] = Field(min_length=1)
    time_intervals: tuple[TimeInterval, ...] = ()
    people: tuple[Person, ...] = ()
    rotations: tuple[Rotation, ...] = ()
    escalations: tuple[Escalation, ...] = ()

    def receiver(self, name: str) -> Receiver:
        """By its name, which must be there."""
        return next(one for one in self.receivers if one.name == name)

    def rotation(self, name: str) -> Rotation:
        """By its name, which must be there."""
        return next(one for one in self.rotations if one.name == name)

    def person(self, name: str) -> Person:
        """By their name, which must be there."""
        return next(one for one in self.people if one.name == name)


def faults(file: RoutingFile) -> Iterator[tuple[Path, str, str]]:
    """What does not fit together: (path of keys, what is wrong, the cure)."""
    names = {
        part: [one.name for one in getattr(file, part)]
        for part in ("receivers", "time_intervals", "people", "rotations", "escalations")
    }
    for part, there in names.items():
        for number, name in enumerate(there):
            if name in there[:number]:
                yield (part, number, "name"), f"{part}: {name!r} stands twice", "Rename one of them"
            if part == "escalations" and name == NONE:
                yield (part, number, "name"), f"{NONE!r} means no escalation", "Choose another name"
    yield from _root_faults(file.route)
    used = [*_used_by_routes(file.route, ("route",)), *_used_elsewhere(file)]
    for at, part, name in used:
        if name not in names[part]:
            told = f"there is no {name!r} among {part}"
            yield at, told, nearest(name, names[part]) if names[part] else f"Add it under `{part}:`"
    for number, receiver in enumerate(file.receivers):
        if not receiver.channels and receiver.on_call is None:
            yield ("receivers", number), f"{receiver.name!r} can tell nobody", "Add `channels:` or `on_call:`"
        if _falls_in_a_circle(receiver, {one.name: one for one in file.receivers}):
            yield ("receivers", number, "fallback"), "these fall back on each other in a circle", "Let one end it"


def _root_faults(root: Route) -> Iterator[tuple[Path, str, str]]:
    if root.receiver is None:
        yield ("route",), "the first route has no receiver", "Add `receiver:`, for alerts that no other route takes"
    for key, said in (
        ("matchers", root.matchers),
        ("continue", root.continue_),
        ("mute_time_intervals", root.mute_time_intervals),
        ("active_time_intervals", root.active_time_intervals),
    ):
        if said:
            yield ("route", key), f"the first route takes every alert: it has no {key}", "Move it to a route below"


def _used_by_routes(route: Route, at: Path) -> Iterator[tuple[Path, str, str]]:
    if route.receiver is not None:
        yield (*at, "receiver"), "receivers", route.receiver
    if route.escalation not in (None, NONE):
        yield (*at, "escalation"), "escalations", str(route.escalation)
    for key in ("mute_time_intervals", "active_time_intervals"):
        yield from _each((*at, key), "time_intervals", getattr(route, key))
    for number, below in enumerate(route.routes):
        yield from _used_by_routes(below, (*at, "routes", number))


def _used_elsewhere(file: RoutingFile) -> Iterator[tuple[Path, str, str]]:
    for number, receiver in enumerate(file.receivers):
        if receiver.on_call is not None:
            yield ("receivers", number, "on_call"), "rotations", receiver.on_call
        if receiver.fallback is not None:
            yield ("receivers", number, "fallback"), "receivers", receiver.fallback
    for number, rotation in enumerate(file.rotations):
        yield from _each(("rotations", number, "people"), "people", rotation.people)
        for place, override in enumerate(rotation.overrides):
            yield ("rotations", number, "overrides", place, "person"), "people", override.person
    for number, policy in enumerate(file.escalations):
        for place, step in enumerate(policy.steps):
            yield from _each(("escalations", number, "steps", place, "receivers"), "receivers", step.receivers)


def _each(at: Path, part: str, names: Iterable[str]) -> Iterator[tuple[Path, str, str]]:
    for number, name in enumerate(names):
        yield (*at, number), part, name


def _falls_in_a_circle(receiver: Receiver, known: dict[str, Receiver]) -> bool:
    seen: set[str] = set()
    at: Receiver | None = receiver
    while at is not None and at.fallback is not None:
        if at.name in seen:
            return True
        seen.add(at.name)
        at = known.get(at.fallback)
    return False
