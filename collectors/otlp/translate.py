"""From a request's body to what goes to Kafka. Pure: bytes in, pieces or a `Malformed` out.

Protobuf requests pass as they are (their bytes can be joined with others'), after two checks: protobuf's own parser, in
C and without an object per span (0.8 ms for 1,000 spans of 340 B), and our walk over what lies above the items. So
garbage is refused at the door, and a joined record holds nothing that could spoil a neighbour. JSON requests stay JSON.
"""

from dataclasses import dataclass
from enum import Enum

from google.protobuf.message import DecodeError

from collectors.otlp import json_body, wire
from collectors.otlp.signals import METRICS, Signal
from collectors.otlp.verdict import Verdict, judge
from pipeline.stages.decode.rules import DecodeRules


class Encoding(Enum):
    """How a body is written, by its content type."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What one request becomes: records' worth of bytes, and what could not be taken."""

    pieces: tuple[bytes, ...]
    joinable: bool
    rejected: int = 0
    message: str = ""


def translate(
    signal: Signal,
    body: bytes,
    encoding: Encoding,
    record_bytes: int,
    rules: DecodeRules | None = None,
    now_ms: int = 0,
) -> Parcel:
    """Check one request and cut it to records of at most `record_bytes`; `wire.Malformed` says what is wrong.

    With `rules` its items are judged too, as of `now_ms` (since 1970); else only what lies above them is.
    """
    verdict = Verdict()
    if encoding is Encoding.PROTOBUF:
        try:
            message = signal.request.FromString(body)
        except DecodeError as error:
            raise wire.Malformed(f"not an {signal.request.DESCRIPTOR.name}: {error}") from None
        wire.check(body)
        verdict = judge(signal, body, message, rules, now_ms) if rules else verdict
        cut = wire.cut(body, record_bytes) if body else wire.Cut()
    else:
        parsed = json_body.check(body, signal.json_path)
        verdict = judge(signal, body.strip(json_body.SPACE), parsed, rules, now_ms) if rules else verdict
        cut = json_body.cut(body, parsed, signal.json_path, record_bytes)
    points = wire.data_points if encoding is Encoding.PROTOBUF else json_body.data_points
    rejected = sum(map(points, cut.rejected)) if signal is METRICS else len(cut.rejected)
    large = f"{rejected} larger than a record of {record_bytes} bytes" if cut.rejected else ""
    told = "; ".join(filter(None, (large, verdict.message)))
    return Parcel(tuple(cut.pieces), encoding is Encoding.PROTOBUF, rejected + verdict.refused, told)
