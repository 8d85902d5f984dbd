"""Bodies of answers: success, partial success, and Status for errors, in protobuf or JSON as the request was. Pure."""

import orjson
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from collectors.http.errors import Kind
from collectors.otlp.intake import Accepted
from collectors.otlp.signals import Signal
from collectors.otlp.translate import Encoding
from pipeline.varint import varint


def success(signal: Signal, accepted: Accepted, encoding: Encoding) -> bytes:
    """An Export…ServiceResponse; all three have one wire shape: partial_success (1) of count (1) and message (2)."""
    if not accepted.rejected and not accepted.message:
        return b"" if encoding is Encoding.PROTOBUF else b"{}"
    if encoding is Encoding.JSON:
        # 64-bit integers are strings in protobuf's JSON.
        partial = {signal.rejected_json: str(accepted.rejected), "errorMessage": accepted.message}
        return orjson.dumps({"partialSuccess": partial})
    text = accepted.message.encode()
    partial_bytes = b"\x08" + varint(accepted.rejected) + b"\x12" + varint(len(text)) + text
    return b"\x0a" + varint(len(partial_bytes)) + partial_bytes


def status(kind: Kind, message: str, retry_after_s: float) -> Status:
    """google.rpc.Status; what may be sent again says after how long."""
    result = Status(code=kind.value.grpc, message=message)
    if kind.value.retryable:
        whole = int(retry_after_s)
        delay = Duration(seconds=whole, nanos=int((retry_after_s - whole) * 1e9))
        result.details.add().Pack(RetryInfo(retry_delay=delay))
    return result


def error(kind: Kind, message: str, encoding: Encoding, retry_after_s: float) -> bytes:
    """The Status as a body of HTTP."""
    if encoding is Encoding.PROTOBUF:
        return bytes(status(kind, message, retry_after_s).SerializeToString())
    body: dict[str, object] = {"code": kind.value.grpc, "message": message}
    if kind.value.retryable:
        detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_after_s:g}s"}
        body["details"] = [detail]
    return orjson.dumps(body)
