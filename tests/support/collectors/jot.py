"""A whole collector in one file: POST /jots, a JSON object each, to the topic `jots`."""

from typing import ClassVar

import orjson
from pydantic import Field

from collectors.base import Collector, Example, Service
from collectors.http.delivery import Delivery
from collectors.http.errors import Kind, Refused
from collectors.http.front import Endpoint
from collectors.http.service import HttpService
from collectors.life import main
from collectors.publish.base import Publisher
from collectors.settings import CollectorSettings, fronted
from pipeline.settings.base import HostPort


@fronted("jot")
class JotSettings(CollectorSettings):
    """All settings of the jot collector."""

    title: ClassVar[str] = "Jots"
    ports: ClassVar[tuple[str, ...]] = ("jot_http",)
    jot_http: HostPort = Field("127.0.0.1:4399", description="jots over HTTP: host:port; port 0 = any free one")


def service(settings: JotSettings, publisher: Publisher) -> Service:
    delivery = Delivery(settings, publisher, name="jot", topics=("jots",))

    async def receive(body: bytes, _: str) -> bytes:
        try:
            jot = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Refused(Kind.MALFORMED, f"not JSON: {error}") from None
        if not isinstance(jot, dict):
            raise Refused(Kind.MALFORMED, "a jot is an object")
        await delivery.deliver("jots", [orjson.dumps(jot) + b"\n"], joinable=True)
        return b"{}"

    return HttpService(settings, "jot_http", delivery, [Endpoint("/jots", "jots", receive)])


COLLECTOR = Collector(
    name="jot",
    summary="Receive jots over HTTP, onto Kafka.",
    settings=JotSettings,
    topics=("jots",),
    http="jot_http",
    service=service,
    example=lambda: Example("/jots", "application/json", b'{"text": "a jot"}', b"a jot"),
)

if __name__ == "__main__":
    main(COLLECTOR)
