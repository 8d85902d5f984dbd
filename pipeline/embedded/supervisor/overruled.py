"""Addresses that somebody set and that `up` does not use.

All of it is on loopback, and `--ports-from` chooses its own ports.

Promises: a line each, with what was set and where, and what is used instead. Decides nothing and shows no password.
"""

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from pipeline.embedded.supervisor.plan import HOST, Collects, Ports
from pipeline.settings import PREFIX, Settings

LOOPBACK = (HOST, "localhost", "::1", "[::1]")


def overruled(
    settings: Settings, sources: Mapping[str, str], ports: Ports, collectors: Sequence[Collects]
) -> list[str]:
    """What is to be said at the start; a collector knows itself where its settings came from."""
    known = {name: source for one in collectors for name, source in one.sources.items()} | dict(sources)
    return [
        f"{PREFIX}{name.upper()} = {given} ({source}) is not used: {HOST}:{' and '.join(map(str, used))} "
        f"{'is' if len(used) == 1 else 'are'}, as `up` runs all on this machine, and --ports-from chooses the ports"
        for name, given, used in _addresses(settings, ports, collectors)
        if (source := known.get(name, "default")) != "default"
        and (_split(given)[0] not in LOOPBACK or _split(given)[1] not in used)
    ]


def _addresses(
    settings: Settings, ports: Ports, collectors: Sequence[Collects]
) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    url = urlsplit(settings.clickhouse_url)
    yield "kafka_bootstrap", settings.kafka_bootstrap, (ports.kafka,)
    yield "clickhouse_url", f"{url.hostname}:{url.port or 8123}", (ports.clickhouse,)
    for name, address in ((name, address) for one in collectors for name, address in one.addresses.items()):
        yield name, address, (ports.collectors[name],)
    if not settings.worker_http.endswith(":0"):
        yield "worker_http", settings.worker_http, ports.workers


def _split(address: str) -> tuple[str, int]:
    """Host and port; several servers are none of ours."""
    host, _, port = address.rpartition(":")
    return host, int(port)
