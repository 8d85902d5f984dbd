"""What would become of a request behind Kafka, told at the door, by the worker's own decoding.

Pure: the time is an argument.

Promises: nothing sound → `Malformed` with the reason; some sound → how many are not, and why; traces as `decode` judges
them. Metrics and logs, which are only stored on Kafka so far, as far as protobuf's descriptors can tell: JSON by the
tables that spans are read by, protobuf by fields whose wire type is not this message's (another signal's body).
"""

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from collectors.otlp.signals import LOGS, METRICS, TRACES, Signal
from collectors.otlp.wire import Malformed
from pipeline.errors import Never
from pipeline.stages.decode.check import check
from pipeline.stages.decode.json_request import form_of, request
from pipeline.stages.decode.rules import DecodeRules

FORMS = {signal: form_of(signal.request) for signal in (METRICS, LOGS)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many items would be dead letters, and why, in a line."""

    refused: int = 0
    message: str = ""


def judge(signal: Signal, body: bytes, parsed: Message | dict[str, Any], rules: DecodeRules, now_ms: int) -> Verdict:
    """Of one request; `parsed` is its message, or its JSON as `loads` gives it. Malformed where nothing of it is sound."""
    if not body or parsed == {}:
        return Verdict()
    try:
        if signal is TRACES:
            checked = check(body, rules, now_ms, parsed if isinstance(parsed, dict) else None)
            items, refused, message = checked.spans, checked.spans - checked.sound, checked.message
        elif isinstance(parsed, dict):
            _, bad = request(parsed, FORMS[signal])
            items, refused = _count(signal, parsed), len(bad)
            message = next((f"{len(bad)} x {leaf.reason}: {leaf.error}" for leaf in bad.values()), "")
        else:
            items, refused, message = _foreign(signal, parsed)
    except Never as error:
        raise Malformed(str(error)) from None
    if refused and refused >= items:
        raise Malformed(f"nothing of it can be read: {message}")
    return Verdict(refused, message)


def _count(signal: Signal, document: dict[str, Any]) -> int:
    """Items of a request in JSON, in either spelling; nothing is demanded of what holds them."""
    level: list[object] = [document]
    for name in signal.json_path:
        snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
        lists = [one.get(name) or one.get(snake) or [] for one in level if isinstance(one, dict)]
        level = [child for some in lists if isinstance(some, list) for child in some]
    return len(level)


def _foreign(signal: Signal, parsed: Message) -> tuple[int, int, str]:
    """(items, those with a field of another wire type than theirs, what is said of them)."""
    entries, groups, leaves = (
        "".join("_" + letter.lower() if letter.isupper() else letter for letter in name) for name in signal.json_path
    )
    items = refused = 0
    for entry in getattr(parsed, entries):
        for group in getattr(entry, groups):
            for item in getattr(group, leaves):
                items += 1
                known = item.DESCRIPTOR.fields_by_number
                refused += any(unknown.field_number in known for unknown in UnknownFieldSet(item))
    message = f"{refused} x wrong_wire_type: a field of another type than {signal.name} have" if refused else ""
    return items, refused, message
