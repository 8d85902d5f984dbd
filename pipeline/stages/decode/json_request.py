"""A request of OTLP's JSON as protobuf bytes, each leaf (span, log record, metric) by itself.

A bad one keeps its place and hurts no other.

Promises: what is wrong with a resource or scope costs the leaves under it, never those beside it; a document or a part
of one that has none of this signal's fields but others is told, not passed over (another signal's body, Jaeger's form).
`BadJson` where no leaf can be told from another.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from pipeline.stages.decode.json_tables import delimited, items, message, table, varint
from pipeline.stages.decode.json_text import BadJson, Json, shown

BAD_LEAF = b"\x0a\x01"
"""A leaf that the scan of any signal refuses (a field that ends behind it).

It keeps the place of one that could not be translated.
"""

LEAF_DEPTH = 4
COMPLAINTS_MAX = 10_000
"""Of one request; further bad leaves keep their places, and the scan finds them bad."""


class BadLeaf(NamedTuple):
    """Why a leaf could not be translated, and what makes a request of JSON that holds it alone."""

    reason: str
    error: str
    render: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Form:
    """Where a signal's leaves stand: the fields from the request to them, e.g. resource_spans, scope_spans, spans."""

    outer: FieldDescriptor
    middle: FieldDescriptor
    leaf: FieldDescriptor


def form_of(request: type[Message]) -> Form:
    """By the request's own descriptor: its one field, the repeated field of that, and again."""
    outer = request.DESCRIPTOR.fields[0]
    middle = _list_of(outer.message_type, "scope_")
    return Form(outer, middle, _list_of(middle.message_type, ""))


def _list_of(descriptor: Descriptor, prefix: str) -> FieldDescriptor:
    return next(one for one in descriptor.fields if one.is_repeated and one.name.startswith(prefix))


TRACES = form_of(ExportTraceServiceRequest)


@dataclass(slots=True)
class _Out:
    """What has been written of a request so far."""

    parts: list[bytes] = field(default_factory=list)
    bad: dict[int, BadLeaf] = field(default_factory=dict)
    leaves: int = 0


def request(document: Json, form: Form = TRACES) -> tuple[bytes, dict[int, BadLeaf]]:
    """(protobuf bytes of the request, bad leaves by their index among all leaves of it).

    BadJson where more than leaves is wrong.
    """
    if not isinstance(document, dict):
        raise BadJson(f"a request is an object, and this is {shown(document)}")
    _refuse_others(document, form.outer)
    out = _Out()
    for outer in items(_get(document, form.outer), form.outer.json_name):
        _outer(outer, form, out)
    return b"".join(out.parts), out.bad


def _outer(value: Json, form: Form, out: _Out) -> None:
    head, wrong, middles = _owner(value, form.outer, form.middle)
    body = [head]
    whole = {} if not isinstance(value, dict) else {k: v for k, v in value.items() if k not in _names(form.middle)}
    if not middles and wrong is not None:
        middles = [{}]
    for middle in middles:
        body.append(_middle(middle, form, whole, wrong, out))
    out.parts.append(delimited(_tag(form.outer), b"".join(body)))


def _middle(value: Json, form: Form, whole: dict[str, Json], blame: BadJson | None, out: _Out) -> bytes:
    head, wrong, leaves = _owner(value, form.middle, form.leaf)
    wrong = blame or wrong
    owner = {} if not isinstance(value, dict) else {k: v for k, v in value.items() if k not in _names(form.leaf)}
    if not leaves and wrong is not None:
        leaves = [value if blame is None and not isinstance(value, dict) else {}]
    tag, descriptor = _tag(form.leaf), form.leaf.message_type
    body = [head]
    for leaf in leaves:
        fault = wrong
        if fault is None:
            try:
                body.append(delimited(tag, message(descriptor, leaf, LEAF_DEPTH)))
            except BadJson as error:
                fault = error
        if fault is not None:
            body.append(delimited(tag, BAD_LEAF))
            if len(out.bad) < COMPLAINTS_MAX:
                alone = partial(_alone, form, whole, owner, leaf)
                out.bad[out.leaves] = BadLeaf(fault.reason, str(fault), alone)
        out.leaves += 1
    return delimited(_tag(form.middle), b"".join(body))


def _owner(value: Json, at: FieldDescriptor, below: FieldDescriptor) -> tuple[bytes, BadJson | None, list[Json]]:
    """(its own fields' bytes, or none where they are wrong; what is wrong; what stands below it)."""
    try:
        if not isinstance(value, dict):
            raise BadJson(f"{at.json_name} should hold objects, and holds {shown(value)}")
        below_it = items(_get(value, below), below.json_name)
        _refuse_others(value, below, of=at.message_type)
    except BadJson as error:
        return b"", error, []
    own = {name: content for name, content in value.items() if name not in _names(below)}
    try:
        return message(at.message_type, own, 2), None, below_it
    except BadJson as error:
        return b"", error, below_it


def _refuse_others(value: dict[str, Json], wanted: FieldDescriptor, of: Descriptor | None = None) -> None:
    """BadJson where the wanted field is missing and fields stand there that its message does not have."""
    if _names(wanted) & value.keys():
        return
    known = table(of) if of is not None else {}
    unknown = [name for name in value if name not in known]
    if unknown:
        raise BadJson(f"there is no {wanted.json_name}, but {shown(unknown[0])}: this is no OTLP of this signal")


def _alone(form: Form, whole: dict[str, Json], owner: dict[str, Json], leaf: Json) -> bytes:
    """A request that holds this leaf alone, with its resource and scope."""
    middle = {**owner, form.leaf.json_name: [leaf]}
    return orjson.dumps({form.outer.json_name: [{**whole, form.middle.json_name: [middle]}]})


def _get(value: dict[str, Json], one: FieldDescriptor) -> Json:
    content = value.get(one.json_name)
    return value.get(one.name) if content is None else content


def _names(one: FieldDescriptor) -> frozenset[str]:
    return frozenset({one.name, one.json_name})


def _tag(one: FieldDescriptor) -> bytes:
    return varint(one.number << 3 | 2)
