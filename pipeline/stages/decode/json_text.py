"""Bytes that should be JSON, as Python values.

Depth limited before anything recurses, texts mended where one bad one would cost its neighbours.

Promises: `BadJson` and nothing else, whatever the bytes are. A lone surrogate (half of a cut emoji) and bytes that are
no UTF-8 become U+FFFD in their text alone. Does not know what the document means.
"""

import re
from typing import Any

import numpy as np
import orjson

from pipeline.errors import Never
from pipeline.kernels.wire.json_nesting import nesting

Json = Any

NESTING_MAX = 200
"""Arrays and objects inside each other. A hundred messages (protobuf's limit) are two each; orjson writes 254 at most.
"""

_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a pair
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.DOTALL,
)


class BadJson(Never):
    """The document is no JSON, or not OTLP's; the reason is a dead letter's."""

    def __init__(self, message: str, reason: str = "bad_json") -> None:
        super().__init__(reason, message)


def loads(value: bytes) -> Json:
    """The document. BadJson with what is wrong, and where."""
    if (depth := int(nesting(np.frombuffer(value, np.uint8)))) > NESTING_MAX:
        raise BadJson(f"{depth} arrays and objects inside each other, {NESTING_MAX} at most", "too_deep")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        mended = _mended(value)
        if mended == value:
            raise BadJson(f"not JSON: {error}") from None
    try:
        return orjson.loads(mended)
    except orjson.JSONDecodeError as error:
        raise BadJson(f"not JSON: {error}") from None


def shown(value: Json) -> str:
    """A value for an error's text: short, and never walked into."""
    if isinstance(value, str):
        return repr(value[:40])
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    return repr(value)[:40]


def _mended(value: bytes) -> bytes:
    text = value.decode("utf-8", "replace").encode()
    return _ESCAPES.sub(lambda match: rb"\ufffd" if match["lone"] else match[0], text)
