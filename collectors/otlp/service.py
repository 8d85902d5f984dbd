"""The OTLP receiver as one thing to start and stop: both doors over one delivery.

Promises: `start` returns with both doors open and Kafka either connected or being tried; `stop` refuses what is new,
finishes what is under way, then closes.
"""

import asyncio

from collectors.http.delivery import Delivery
from collectors.http.service import HttpService
from collectors.otlp.config import OtlpSettings
from collectors.otlp.grpc import GrpcDoor
from collectors.otlp.http import DIALECT, endpoints
from collectors.otlp.intake import Intake, wall_ms
from collectors.otlp.signals import SIGNALS, TOPICS
from collectors.publish.base import Publisher
from collectors.rpc.service import RpcService
from pipeline.stages.decode.check import check
from pipeline.stages.decode.rules import DecodeRules


class Receiver:
    """A Service (collectors/base.py)."""

    def __init__(self, settings: OtlpSettings, publisher: Publisher) -> None:
        self.publisher = publisher
        self.delivery = Delivery(settings, publisher, name="otlp", topics=TOPICS)
        intake = Intake(settings, self.delivery)
        grpc_door = GrpcDoor(settings.front, self.delivery, intake)
        self._http = HttpService(settings, "otlp_http", self.delivery, endpoints(intake), DIALECT)
        services = [signal.service for signal in SIGNALS]
        self.http_address = self.grpc_address = ""
        self._grpc = RpcService(settings, "otlp_grpc", self.delivery, grpc_door.handlers(), services)

    async def start(self) -> None:
        """Open both doors. Kafka need not be there yet: until it is, requests are told to come back."""
        # Load the kernels first, so that no client waits for them.
        await asyncio.to_thread(check, b"", DecodeRules(), wall_ms())
        await self._http.open()
        await self._grpc.open()
        self.http_address, self.grpc_address = self._http.address, self._grpc.address

    def addresses(self) -> dict[str, str]:
        """Where the doors are, under the names that `tailrace up --json` uses."""
        return {"otlp_http": self.http_address, "otlp_grpc": self.grpc_address}

    async def ready(self) -> bool:
        """Whether requests would be taken now."""
        return await self.delivery.ready()

    async def stop(self) -> None:
        """Refuse, finish, close; safe to repeat, and after a `start` that failed halfway."""
        await self.delivery.drain()
        await self._grpc.close()
        await self._http.close()
        await self.publisher.stop()
