"""What is allowed in a routing file and hardly meant: names that nobody uses, routes that nothing reaches.

Promises: looks at the file alone; what it says is no fault. The file must be without faults.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.notify.config import Route, RoutingFile


def advice(file: RoutingFile) -> Iterator[str]:
    """A line each."""
    routes = list(_all(file.route))
    used: dict[str, set[str]] = {
        "receivers": {route.receiver or "" for route in routes}
        | {receiver.fallback or "" for receiver in file.receivers}
        | {name for policy in file.escalations for step in policy.steps for name in step.receivers},
        "time_intervals": {
            name for route in routes for name in (*route.mute_time_intervals, *route.active_time_intervals)
        },
        "people": {name for rotation in file.rotations for name in rotation.people}
        | {override.person for rotation in file.rotations for override in rotation.overrides},
        "rotations": {receiver.on_call or "" for receiver in file.receivers},
        "escalations": {route.escalation or "" for route in routes},
    }
    for part, names in used.items():
        for one in getattr(file, part):
            if one.name not in names:
                yield f"{one.name!r} of {part} is used nowhere"
    for route in routes:
        yield from _hidden(route)


def _hidden(above: Route) -> Iterator[str]:
    for number, route in enumerate(above.routes[:-1]):
        if not route.matchers and not route.continue_:
            hidden = len(above.routes) - number - 1
            yield f"a route to {route.receiver or 'the same'} takes everything: {hidden} after it get nothing"


def _all(route: Route) -> Iterator[Route]:
    yield route
    for below in route.routes:
        yield from _all(below)
