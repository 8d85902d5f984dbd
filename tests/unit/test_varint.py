"""The one writer of varints against protobuf's own, which reads back what it wrote."""

import pytest
from google.protobuf.wrappers_pb2 import UInt64Value
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.varint import varint


@given(st.integers(1, 2**64 - 1))
@example(127)
@example(128)
@example(2**63)
def test_it_is_what_protobuf_writes(value: int) -> None:
    assert b"\x08" + varint(value) == UInt64Value(value=value).SerializeToString()


def test_zero_is_one_byte_and_a_negative_number_is_refused() -> None:
    assert varint(0) == b"\0"
    with pytest.raises(ValueError, match="negative"):
        varint(-1)
