"""The page to read first: each topic → stages → where it lands. `tailrace flow` prints it.

    otlp_spans → decode → aggregate → span_windows (ClickHouse), tailrace.windows (Kafka, to stage 2)
                       └→ span_rows → otel_traces (ClickHouse; not with store_spans = 0)
                       └→ what can't be decoded → dead_letters (ClickHouse), tailrace.dead_letters (Kafka)
    tailrace.windows → merge → series_windows (ClickHouse) → judge → alert_events (ClickHouse), alerts (Kafka)
                                                             └→ what detectors remember → detector_snapshots (ClickHouse)

`ROUTES` is that picture as data: the worker is built from it (`pipeline.app`), and a test runs each route's sample and
holds what happens to what is declared. A new topic is a file beside this one and a line in `ROUTES`. Stage 2 follows
from the others. Before the first arrow Kafka's record batches become columns (`pipeline.kafka.record_batches`).
"""

from collections.abc import Sequence

from pipeline.flow.route import Route, Work, alone, dead_letters, records_of
from pipeline.flow.spans import ROUTE as SPANS
from pipeline.flow.spans import spans_work
from pipeline.flow.windows import windows_route
from schemas.families.base import Family

__all__ = [
    "ROUTES", "Route", "Work", "alone", "dead_letters", "families", "records_of", "sources", "spans_work", "whole", "windows_route",
]  # fmt: skip

ROUTES: tuple[Route, ...] = (SPANS,)
"""Every topic of stage 1."""


def whole(routes: Sequence[Route] = ROUTES) -> tuple[Route, ...]:
    """These routes and the one that follows from them: stage 2."""
    return *routes, windows_route(routes)


def families(routes: Sequence[Route] = ROUTES) -> dict[str, Family]:
    """Name → family, of all that the routes feed."""
    return {family.name: family for route in routes for family in route.families}


def sources(family: str, routes: Sequence[Route] = ROUTES) -> frozenset[str]:
    """Topics whose route sends partials of this family: its windows wait for those, and for no other."""
    return frozenset(route.topic for route in routes if any(one.name == family for one in route.families))
