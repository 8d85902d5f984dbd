"""The gRPC door: the Export methods of OTLP's three services, as bytes.

Promises: a request's bytes go through as they came; no message object of it is kept; refusals carry google.rpc.Status
in the trailers, with RetryInfo where the same request may be sent again; a key is asked for before a body is read. It
doesn't know Kafka.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import grpc

from collectors.http.delivery import Delivery
from collectors.http.errors import Kind, Refused
from collectors.http.keys import demand
from collectors.otlp import answers
from collectors.otlp.intake import Intake
from collectors.otlp.signals import SIGNALS, Signal
from collectors.otlp.translate import Encoding
from collectors.settings import FrontSettings

log = logging.getLogger(__name__)

CODES = {code.value[0]: code for code in grpc.StatusCode}
DETAILS = "grpc-status-details-bin"


def _identity(data: bytes) -> bytes:
    return data


class GrpcDoor:
    """Turns gRPC calls into calls of the intake, and its outcomes into answers."""

    def __init__(self, settings: FrontSettings, delivery: Delivery, intake: Intake) -> None:
        self._settings = settings
        self._delivery = delivery
        self._intake = intake

    def handlers(self) -> list["grpc.GenericRpcHandler[bytes, bytes]"]:
        """The three services."""
        return [self._service(signal) for signal in SIGNALS]

    def _service(self, signal: Signal) -> "grpc.GenericRpcHandler[bytes, bytes]":
        # As a stream of one message: so the handler begins with the headers, and decides whether a body is read at all.
        method = grpc.stream_unary_rpc_method_handler(
            self._export(signal), request_deserializer=_identity, response_serializer=_identity
        )
        return grpc.method_handlers_generic_handler(signal.service, {"Export": method})

    def _export(self, signal: Signal) -> Callable[[object, Any], Any]:
        async def export(_: object, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            try:
                self._demand_key(context)
                with self._delivery.admission.coming() as ticket:
                    body = await self._message(context)
                    ticket.enter()
                    ticket.grow(len(body))
                    accepted = await self._intake.receive(signal, body, Encoding.PROTOBUF)
                self._delivery.counters.accepted(signal.name, len(body))
                return answers.success(signal, accepted, Encoding.PROTOBUF)
            except Refused as error:
                refused = error
            except Exception:
                log.exception("a call of %s failed", signal.service)
                refused = Refused(Kind.INTERNAL, "internal error")
            self._delivery.counters.refused(signal.name, refused.kind.name)
            await self._abort(context, refused)
            raise AssertionError("abort raises")

        return export

    async def _message(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """The call's one message, within its time."""
        try:
            async with asyncio.timeout(self._settings.read_timeout_s):
                body: object = await context.read()
                more = isinstance(body, bytes) and isinstance(await context.read(), bytes)
        except TimeoutError:
            raise Refused(Kind.TIMED_OUT, "the message did not come in time") from None
        if more or not isinstance(body, bytes):
            raise Refused(Kind.MALFORMED, "Export takes one message")
        return body

    def _demand_key(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        if self._settings.keys:
            sent = {key: str(value) for key, value in context.invocation_metadata() or ()}
            demand(self._settings.keys, sent.get("authorization", ""), sent.get("x-api-key", ""))

    async def _abort(self, context: grpc.aio.ServicerContext[bytes, bytes], refused: Refused) -> None:
        status = answers.status(refused.kind, refused.message, self._settings.retry_after_s)
        trailers = ((DETAILS, status.SerializeToString()),)
        await context.abort(CODES[refused.kind.value.grpc], refused.message, trailers)
