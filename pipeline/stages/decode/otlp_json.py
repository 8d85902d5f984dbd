"""OTLP's JSON becomes OTLP's protobuf, so that one scan serves both.

Promises: names in lowerCamelCase or snake_case, ids in hex, 64-bit numbers as texts or numbers, enums by name or
number, unknown fields ignored. A leaf that can't be translated keeps its place as a bad one, with a complaint and its
JSON; anything else wrong is the whole record's complaint.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.model.values import Values
from pipeline.stages.decode.json_request import TRACES, BadLeaf, Form, request
from pipeline.stages.decode.json_text import BadJson, Json, loads
from pipeline.stages.decode.letters import Complaint

SPACE = b" \t\r\n"
BRACE = ord("{")
IS_SPACE, IS_END = (np.array([byte in some for byte in range(256)]) for some in (SPACE, SPACE + b"}"))
"""By byte: whether JSON may begin with it before its brace, and end with it."""


@dataclass(frozen=True, slots=True)
class Translation:
    """All values in protobuf, and what could not be translated, by record and by (record, leaf index)."""

    values: Sequence[bytes]
    bad_records: dict[int, Complaint] = field(default_factory=dict)
    bad_leaves: dict[tuple[int, int], BadLeaf] = field(default_factory=dict)


def json_records(values: Sequence[bytes]) -> list[int]:
    """Which values are JSON: the first byte is `{`; or it is white space, `{` follows and the whole reads as JSON.

    Line feed begins a protobuf request too (its first tag), and `{` can be the length after it, hence the second look.
    """
    first, last = Values.of(values).edges()
    is_json: npt.NDArray[np.bool_] = first == BRACE
    for i in np.flatnonzero(IS_SPACE[first] & IS_END[last]).tolist():
        is_json[i] = _is_spaced_json(values[i])
    return np.flatnonzero(is_json).tolist() if is_json.any() else []


def _is_spaced_json(value: bytes) -> bool:
    if value[:64].lstrip(SPACE)[:1] not in (b"{", b""):
        return False
    try:
        return isinstance(loads(value), dict)
    except BadJson as error:
        return error.reason == "too_deep"


def translated(values: Sequence[bytes], which: Sequence[int], form: Form = TRACES) -> Translation:
    """Translate the values at these places, in Python."""
    if not which:
        return Translation(values)
    out = Translation(list(values))
    replaced = list(values)
    for i in which:
        try:
            replaced[i], bad = request(loads(values[i]), form)
        except BadJson as error:
            replaced[i] = b""
            out.bad_records[i] = Complaint(error.reason, str(error), values[i])
            continue
        out.bad_leaves.update({(i, index): leaf for index, leaf in bad.items()})
    return Translation(replaced, out.bad_records, out.bad_leaves)


def translated_document(document: Json) -> Translation:
    """Of one record that is parsed already. BadJson where the whole of it can't be read."""
    value, bad = request(document)
    return Translation([value], {}, {(0, index): leaf for index, leaf in bad.items()})
