"""OTLP's JSON form: checking its frame and cutting what is too large for one record. Pure functions over bytes.

A JSON request travels unchanged, as a record of its own, told apart by its first byte `{`. Only what is larger than a
record is written anew. Ids, numbers and attributes are the worker's to judge: a record holds one request, so a bad one
spoils no other.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from collectors.otlp.wire import Cut, Malformed
from pipeline.stages.decode.json_text import BadJson, loads

SPACE = b" \t\r\n"


def check(data: bytes, path: tuple[str, ...]) -> dict[str, Any]:
    """The parsed request; Malformed unless it is an object whose lists along `path` are lists of objects."""
    try:
        parsed = loads(data)
    except BadJson as error:
        raise Malformed(str(error)) from None
    if not isinstance(parsed, dict):
        raise Malformed("a request is a JSON object")
    _check(parsed, path)
    return parsed


def _one_spelling(parent: dict[str, Any], name: str) -> None:
    """Protobuf's JSON knows `resource_spans` as well as `resourceSpans`; from here on it is the latter."""
    snake = "".join("_" + letter.lower() if letter.isupper() else letter for letter in name)
    if snake != name and snake in parent:
        if name in parent:
            raise Malformed(f"{name} and {snake} are one field, and stand side by side")
        parent[name] = parent.pop(snake)


def _check(parent: dict[str, Any], path: tuple[str, ...]) -> None:
    _one_spelling(parent, path[0])
    children = parent.get(path[0])
    if children is None:
        return
    if not isinstance(children, list) or not all(isinstance(child, dict) for child in children):
        raise Malformed(f"{path[0]} is a list of objects")
    if len(path) > 1:
        for child in children:
            _check(child, path[1:])


def cut(data: bytes, parsed: dict[str, Any], path: tuple[str, ...], room: int) -> Cut:
    """Requests of at most `room` bytes that hold the same items."""
    data = data.strip(SPACE)
    if not parsed.get(path[0]):
        return Cut()
    if len(data) <= room:
        return Cut([data])
    result = Cut()
    result.pieces = list(_cut(parsed, path, room, result.rejected))
    return result


def _cut(parent: dict[str, Any], path: tuple[str, ...], room: int, rejected: list[bytes]) -> Iterator[bytes]:
    rest = {key: value for key, value in parent.items() if key != path[0]}
    head = orjson.dumps(rest)[:-1] + (b"," if rest else b"") + orjson.dumps(path[0]) + b":["
    room -= len(head) + 2
    held: list[bytes] = []
    size = 0
    for item in _fitting(parent.get(path[0]) or [], path, room, rejected):
        if held and size + len(item) + 1 > room:
            yield head + b",".join(held) + b"]}"
            held, size = [], 0
        held.append(item)
        size += len(item) + 1
    if held:
        yield head + b",".join(held) + b"]}"


def _fitting(
    children: list[dict[str, Any]], path: tuple[str, ...], room: int, rejected: list[bytes]
) -> Iterator[bytes]:
    for child in children:
        raw = orjson.dumps(child)
        if len(raw) <= room:
            yield raw
        elif len(path) == 1:
            rejected.append(raw)
        else:
            yield from _cut(child, path[1:], room, rejected)


METRIC_DATA = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def data_points(metric: bytes) -> int:
    """Points of one metric in JSON."""
    parsed = orjson.loads(metric)
    kinds = [parsed[kind] for kind in METRIC_DATA if isinstance(parsed.get(kind), dict)]
    return sum(len(kind["dataPoints"]) for kind in kinds if isinstance(kind.get("dataPoints"), list))
