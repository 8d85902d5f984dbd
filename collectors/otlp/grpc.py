"""The gRPC door: the Export methods of OTLP's three services, as bytes.

Promises: a request's bytes go through as they came; no message object of it is kept; refusals carry google.rpc.Status in the
trailers, with RetryInfo where the same request may be sent again. It doesn't know Kafka.
"""

import logging
from collections.abc import Callable
from typing import Any

import grpc

from collectors.otlp import answers
from collectors.otlp.config import OtlpSettings
from collectors.otlp.errors import Kind, Refused
from collectors.otlp.intake import Intake
from collectors.otlp.keys import demand
from collectors.otlp.signals import SIGNALS, Signal
from collectors.otlp.translate import Encoding

log = logging.getLogger(__name__)

CODES = {code.value[0]: code for code in grpc.StatusCode}
DETAILS = "grpc-status-details-bin"


def _identity(data: bytes) -> bytes:
    return data


class GrpcDoor:
    """Turns gRPC calls into calls of the intake, and its outcomes into answers."""

    def __init__(self, settings: OtlpSettings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake

    def server(self) -> grpc.aio.Server:
        """A server with the three services, not yet bound or started."""
        server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", self._settings.otlp_max_body_bytes),
                ("grpc.max_metadata_size", 16 << 10),
                ("grpc.so_reuseport", 0),
            ],
            # Admission refuses first, and says when to come back; this is the wall behind it.
            maximum_concurrent_rpcs=4 * self._settings.otlp_max_requests,
        )
        server.add_generic_rpc_handlers(tuple(self._service(signal) for signal in SIGNALS))
        return server

    def _service(self, signal: Signal) -> "grpc.GenericRpcHandler[bytes, bytes]":
        method = grpc.unary_unary_rpc_method_handler(
            self._export(signal), request_deserializer=_identity, response_serializer=_identity
        )
        return grpc.method_handlers_generic_handler(signal.service, {"Export": method})

    def _export(self, signal: Signal) -> Callable[[bytes, Any], Any]:
        async def export(body: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
            try:
                self._demand_key(context)
                with self._intake.admission.enter(len(body)):
                    accepted = await self._intake.receive(signal, body, Encoding.PROTOBUF)
                return answers.success(signal, accepted, Encoding.PROTOBUF)
            except Refused as error:
                refused = error
            except Exception:
                log.exception("a call of %s failed", signal.service)
                refused = Refused(Kind.INTERNAL, "internal error")
            self._intake.counters.refused(signal.name, refused.kind.name)
            await self._abort(context, refused)
            raise AssertionError("abort raises")

        return export

    def _demand_key(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        if self._settings.otlp_keys:
            sent = {key: str(value) for key, value in context.invocation_metadata() or ()}
            demand(self._settings.otlp_keys, sent.get("authorization", ""), sent.get("x-api-key", ""))

    async def _abort(self, context: grpc.aio.ServicerContext[bytes, bytes], refused: Refused) -> None:
        status = answers.status(refused.kind, refused.message, self._settings.otlp_retry_after_s)
        trailers = ((DETAILS, status.SerializeToString()),)
        await context.abort(CODES[refused.kind.value.grpc], refused.message, trailers)
