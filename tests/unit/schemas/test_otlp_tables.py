"""The tables of OTLP's leaves say what protobuf's own descriptors say: every field, by number, name and wire type."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from schemas.otlp import TABLES, Field, Keep, Message, Passed, Wire, every_message

POOL = trace_pb2.DESCRIPTOR.pool
FILES = (trace_pb2, logs_pb2, metrics_pb2)
D = FieldDescriptor
WIRES = {
    Wire.FIXED64: {D.TYPE_FIXED64, D.TYPE_SFIXED64, D.TYPE_DOUBLE},
    Wire.FIXED32: {D.TYPE_FIXED32, D.TYPE_SFIXED32, D.TYPE_FLOAT},
    Wire.LENGTH: {D.TYPE_STRING, D.TYPE_BYTES, D.TYPE_MESSAGE},
    Wire.VARINT: {D.TYPE_ENUM, D.TYPE_BOOL, D.TYPE_INT64, D.TYPE_UINT64, D.TYPE_INT32, D.TYPE_UINT32}
    | {D.TYPE_SINT32, D.TYPE_SINT64},
}
ENTRY = "opentelemetry.proto.common.v1.KeyValue"
ANY = "opentelemetry.proto.common.v1.AnyValue"


def complaints(message: Message) -> list[str]:
    """How a table differs from protobuf's descriptor."""
    descriptor = POOL.FindMessageTypeByName(message.proto)
    both: tuple[Field | Passed, ...] = (*message.fields, *message.passed)
    told = {one.number: one for one in both}
    found = [f"no field {number}" for number in told.keys() - {known.number for known in descriptor.fields}]
    for known in descriptor.fields:
        one = told.get(known.number)
        if one is None:
            found.append(f"{known.name} is neither kept nor passed over")
        elif one.name != known.name:
            found.append(f"{known.number} is {known.name}, not {one.name}")
        elif isinstance(one, Field):
            found += _kept(one, known)
    return found


def _kept(one: Field, known: FieldDescriptor) -> list[str]:
    group = known.containing_oneof.name if known.containing_oneof else ""
    right = {
        "wire": known.type in WIRES[one.wire],
        "zigzag": one.zigzag == (known.type in (D.TYPE_SINT32, D.TYPE_SINT64)),
        "oneof": one.one_of == group,
        "repeated": known.is_repeated == (one.keep in (Keep.ATTRIBUTES, Keep.CHILDREN, Keep.SERIES)),
        "text": (known.type == D.TYPE_STRING) == (one.keep is Keep.TEXT),
        "bytes": (known.type == D.TYPE_BYTES) == (one.keep in (Keep.ID, Keep.REFERENCE)),
        "enum": (known.type == D.TYPE_ENUM) == (one.keep is Keep.ENUM),
        "most": one.keep is not Keep.ENUM or one.most == max(v.number for v in known.enum_type.values),
        "message": _name(known.message_type) == _expected(one),
    }
    return [f"{known.name}: {what}" for what, is_right in right.items() if not is_right]


def _name(message: Descriptor | None) -> str:
    return str(message.full_name) if message is not None else ""


def _expected(one: Field) -> str:
    if one.keep is Keep.ATTRIBUTES:
        return ENTRY
    return ANY if one.keep is Keep.VALUE else one.of.proto if one.of else ""


@pytest.mark.parametrize("message", list(every_message(TABLES)), ids=lambda one: one.proto.rpartition(".")[2])
def test_a_table_says_what_protobuf_says(message: Message) -> None:
    assert complaints(message) == []


@pytest.mark.parametrize("message", list(every_message(TABLES)), ids=lambda one: one.proto.rpartition(".")[2])
def test_a_field_that_is_left_out_or_misread_is_told(message: Message) -> None:
    for i, one in enumerate(message.fields):
        rest = message.fields[:i] + message.fields[i + 1 :]
        assert complaints(replace(message, fields=rest)) == [f"{one.name} is neither kept nor passed over"]
        other = Wire.FIXED32 if one.wire is Wire.VARINT else Wire.VARINT
        for wrong in (replace(one, wire=other), replace(one, name="other"), replace(one, number=99)):
            assert complaints(replace(message, fields=(*rest, wrong)))


def test_every_message_with_attributes_of_the_three_signals_is_described_or_stands_above_the_leaves() -> None:
    described = {message.proto for message in every_message(TABLES)}
    above = {f"opentelemetry.proto.metrics.v1.{name}" for name in ("Metric",)}
    holders = {
        descriptor.full_name
        for file in FILES
        for descriptor in _all(list(file.DESCRIPTOR.message_types_by_name.values()))
        if any(_name(one.message_type) == ENTRY for one in descriptor.fields)
    }
    assert holders - above <= described


def _all(descriptors: list[Descriptor]) -> Iterator[Descriptor]:
    for descriptor in descriptors:
        yield descriptor
        yield from _all(list(descriptor.nested_types))


def test_a_message_that_contradicts_itself_is_refused() -> None:
    field = Field(1, Wire.LENGTH, "trace_id", Keep.ID, "trace_id", size=16)
    for fields, why in (
        ((field, field), "twice"),
        ((replace(field, size=4),), "8 or 16"),
        ((replace(field, keep=Keep.PART),), "which message"),
    ):
        with pytest.raises(ValueError, match=why):
            Message("m", fields)
