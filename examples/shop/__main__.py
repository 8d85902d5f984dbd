"""Run one service, or the customers: `python -m examples.shop storefront --ports-from 8101`.

    python -m examples.shop load --ports-from 8101       # customers, until stopped

Services listen on consecutive ports in the order of `SERVICES`. Spans go to `OTEL_EXPORTER_OTLP_ENDPOINT`.
"""

import argparse
import asyncio
import contextlib

import uvicorn
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor

from examples.shop import load, telemetry
from examples.shop.services import SERVICES


def addresses(ports_from: int) -> dict[str, str]:
    """Where each service listens."""
    return {name: f"http://127.0.0.1:{ports_from + index}" for index, name in enumerate(SERVICES)}


def serve(name: str, ports_from: int) -> None:
    """Run one service until it is stopped."""
    exporter = telemetry.configure(name)
    HTTPXClientInstrumentor().instrument()
    app = SERVICES[name](addresses(ports_from), exporter)
    FastAPIInstrumentor.instrument_app(app, excluded_urls="/health,/faults,/flush", exclude_spans=["receive", "send"])
    uvicorn.run(app, host="127.0.0.1", port=ports_from + list(SERVICES).index(name), log_level="warning")


def main() -> None:
    """Parse the command line and run what it asks for."""
    parser = argparse.ArgumentParser(prog="python -m examples.shop", description=__doc__)
    parser.add_argument("what", choices=[*SERVICES, "load"])
    parser.add_argument("--ports-from", type=int, default=8101, help="first of four consecutive ports")
    parser.add_argument("--rate", type=float, default=6.0, help="customers per second, on average")
    arguments = parser.parse_args()
    if arguments.what == "load":
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(load.run(addresses(arguments.ports_from)["storefront"], arguments.rate))
    else:
        serve(arguments.what, arguments.ports_from)


if __name__ == "__main__":
    main()
