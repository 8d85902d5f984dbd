"""OTLP over HTTP: POST /v1/traces, /v1/metrics, /v1/logs, in protobuf or JSON.

Promises: an answer comes in the request's own encoding, errors as google.rpc.Status. Limits, keys and the rest are the
front's.
"""

from collectors.http.errors import Kind
from collectors.http.front import Dialect, Endpoint
from collectors.otlp import answers
from collectors.otlp.intake import Intake
from collectors.otlp.signals import SIGNALS, Signal
from collectors.otlp.translate import Encoding

CONTENT_TYPES = {
    "application/x-protobuf": Encoding.PROTOBUF.value,
    "application/protobuf": Encoding.PROTOBUF.value,
    "application/json": Encoding.JSON.value,
}


def _refusal(kind: Kind, message: str, content_type: str, retry_after_s: float) -> bytes:
    return answers.error(kind, message, Encoding(content_type), retry_after_s)


DIALECT = Dialect(CONTENT_TYPES, _refusal)


def endpoints(intake: Intake) -> list[Endpoint]:
    """One for each signal."""
    return [_endpoint(signal, intake) for signal in SIGNALS]


def _endpoint(signal: Signal, intake: Intake) -> Endpoint:
    async def receive(body: bytes, content_type: str) -> bytes:
        encoding = Encoding(content_type)
        return answers.success(signal, await intake.receive(signal, body, encoding), encoding)

    return Endpoint(signal.path, signal.name, receive)
