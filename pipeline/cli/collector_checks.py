"""Checks of collectors: whether each registered one that is meant to run here does, and would take what is sent to it.

Promises: what one knows of its health is asked over its own HTTP (/ready, /metrics: every collector has them), over TLS where its settings say so; an answer
within a few seconds, whatever is there. One that nobody has set up is no fault. Sends nothing to it, and knows no collector by name.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pipeline.cli.checks import Answer, Check, Wrong

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from collectors.base import Collector
    from collectors.settings import CollectorSettings
    from pipeline.cli.here import Here
    from pipeline.settings import Sources


def collector_checks(place: Here, collectors: Iterable[Collector] | None = None) -> Iterator[Check]:
    """One each; of all that are registered, unless others are given."""
    from collectors.registry import REGISTERED

    for collector in REGISTERED if collectors is None else collectors:
        yield Check(f"{collector.name} receiver", partial(_check, place, collector))


def settings_of(place: Here, collector: Collector) -> tuple[CollectorSettings, Sources]:
    """A collector's, at the addresses that the `up` of this folder tells; Misconfigured where one is wrong."""
    from pipeline.settings import read

    told = {name: place.up[name] for name in collector.settings.ports if place.up.get(name)}
    settings, sources = read(collector.settings, **told)
    return settings, sources | dict.fromkeys(told, place.up_as_source)


def _check(place: Here, collector: Collector) -> Answer:
    from pipeline.cli.receiver_counts import requests_by_outcome, words
    from pipeline.operations.workers import fetch
    from pipeline.settings.base import host_port

    settings, sources = settings_of(place, collector)
    certificate, address = settings.front.tls_cert, str(getattr(settings, collector.http))
    url = f"{'https' if certificate else 'http'}://{address}"
    if not host_port(address)[1]:
        return Answer(f"at any free port, which only its own start tells ({_name(collector)}={address})")
    told = fetch(f"{url}/ready", certificate=certificate)
    data = {"address": address, "status": told.status}
    if told.status == 200:
        outcomes = requests_by_outcome(fetch(f"{url}/metrics", certificate=certificate).text)
        return Answer(f"takes requests at {url}; {words(outcomes)}", {**data, "requests": outcomes})
    if told.status:
        cure = "See its log: it needs Kafka, and room on its disk"
        raise Wrong(f"{address} answers with status {told.status}: {told.text[:200]}", cure, data)
    if place.of_up or any(sources[name] != "default" for name in collector.settings.ports):
        cure = f"Start it: `tailrace collect {collector.name}`, or `tailrace up`"
        raise Wrong(f"nobody answers at {url}", cure, data)
    return Answer(f"none at {address} ({_name(collector)} names one)", data)


def _name(collector: Collector) -> str:
    from pipeline.settings import PREFIX

    return f"{PREFIX}{collector.http.upper()}"
