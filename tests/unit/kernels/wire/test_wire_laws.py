"""Laws of the wire kernels, each by itself: fields, UTF-8, attributes, names, weights. What lies behind a text never changes the answer."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from pipeline.kernels.wire.attributes import SLOT_SIZE, Rows, key_value, usual
from pipeline.kernels.wire.fields import SPARE, field, varint
from pipeline.kernels.wire.names import COUNT, Index, Names, number_of, refill
from pipeline.kernels.wire.utf8 import cut_at_character, is_ascii, is_utf8
from pipeline.kernels.wire.weights import rounded_weight, threshold_weight

LAWS = settings(deadline=None)
U8 = npt.NDArray[np.uint8]

spare = st.sampled_from([b"\x00", b"\xff", b"\x80", b"a"]).map(lambda one: one * SPARE)
texts = st.one_of(st.text(max_size=90), st.text(st.characters(max_codepoint=127), max_size=200))


def buffer(*parts: bytes) -> U8:
    return np.frombuffer(b"".join(parts), np.uint8)


def encoded(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes((value & 127 | 128,))
        value >>= 7
    return out + bytes((value,))


@LAWS
@given(st.integers(0, 2**64 - 1), st.integers(0, 3), spare)
def test_a_varint_is_read_and_never_beyond_its_end(value: int, longer: int, behind: bytes) -> None:
    data = encoded(value)
    b = buffer(data, behind)
    read, p = varint(b, 0, len(data), np.int64(10))
    assert (int(read) % 2**64, int(p)) == (value, len(data))
    for end in range(len(data)):
        assert varint(b, 0, end, np.int64(10))[1] < 0
    padded = data[:-1] + bytes((data[-1] | 128,)) + b"\x80" * longer + b"\x00"
    read, p = varint(buffer(padded, behind), 0, len(padded), np.int64(10))
    assert int(p) == (len(padded) if len(padded) <= 10 else -3)
    assert len(padded) > 10 or int(read) % 2**64 == value


@LAWS
@given(st.integers(1, 2**29 - 1), st.binary(max_size=400), spare)
def test_a_field_with_a_length_is_its_place_and_a_shorter_end_cuts_it_off(
    number: int, body: bytes, behind: bytes
) -> None:
    data = encoded(number << 3 | 2) + encoded(len(body)) + body
    b = buffer(data, behind)
    assert tuple(map(int, field(b, 0, len(data)))) == (number << 3 | 2, len(data) - len(body), len(body), len(data))
    assert int(field(b, 0, len(data) - 1)[3]) < 0


@LAWS
@given(st.binary(min_size=1, max_size=40), spare)
def test_any_bytes_are_a_field_that_advances_or_a_code(data: bytes, behind: bytes) -> None:
    _, at, length, p = map(int, field(buffer(data, behind), 0, len(data)))
    assert p < 0 or 0 < p <= len(data)
    assert p < 0 or data[0] & 7 != 2 or at + length == p


@LAWS
@given(st.one_of(texts.map(str.encode), st.binary(max_size=90)), spare)
def test_utf8_is_what_python_says(data: bytes, behind: bytes) -> None:
    b = buffer(b"\xff", data, behind)
    try:
        data.decode()
        sound = True
    except UnicodeDecodeError:
        sound = False
    assert is_utf8(b, 1, 1 + len(data)) == sound
    assert is_ascii(b, 1, 1 + len(data)) == data.isascii()


@LAWS
@given(texts, st.integers(0, 200))
def test_a_text_is_cut_at_the_last_character_that_fits(text: str, most: int) -> None:
    data = text.encode()
    kept = int(cut_at_character(buffer(data, bytes(SPARE)), 0, len(data), most))
    assert data[:kept].decode() == data[:most].decode(errors="ignore")


def _rows() -> Rows:
    place, length = np.zeros(1, np.int64), np.zeros(1, np.int32)
    return Rows(place, length, place.copy(), length.copy(), np.zeros(1, np.uint8))


values = st.one_of(
    texts.map(lambda text: AnyValue(string_value=text)),
    st.integers(-(2**63), 2**63 - 1).map(lambda n: AnyValue(int_value=n)),
    st.integers(0, 2**30).map(lambda n: AnyValue(int_value=n)),
    st.booleans().map(lambda yes: AnyValue(bool_value=yes)),
    st.floats().map(lambda x: AnyValue(double_value=x)),
    st.binary(max_size=9).map(lambda data: AnyValue(bytes_value=data)),
    st.just(AnyValue()),
)


@LAWS
@given(texts, values, st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=2), spare)
def test_the_short_way_to_read_an_attribute_says_what_the_long_way_says_or_nothing(
    key: str, value: AnyValue, changes: list[tuple[int, int]], behind: bytes
) -> None:
    data = bytearray(KeyValue(key=key, value=value).SerializeToString())
    for place, byte in changes:
        if place < len(data):
            data[place] = byte
    b = buffer(bytes(data), behind)
    short, long = _rows(), _rows()
    if usual(b, 0, len(data), np.int64(0), short):
        assert key_value(b, 0, len(data), np.int64(4), np.int64(0), long, np.zeros(SLOT_SIZE, np.int64)) == 0
        assert short == long


@LAWS
@given(
    st.lists(st.one_of(texts, st.sampled_from(["a", "b", "aaaaaaaa", "aaaaaaaab"])), max_size=60),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
)
def test_equal_names_and_only_equal_names_have_equal_numbers_while_the_index_grows_whatever_the_secret(
    names: list[str], grow: bool, secret: int
) -> None:
    data = [name.encode() for name in names]
    b = buffer(*data, bytes(SPARE))
    room = 2 if grow else 64
    table, index = _names(room, np.array([0, 0, secret], np.int64))
    numbers, at = [], 0
    for name in data:
        while (number := int(number_of(b, at, len(name), table, index))) < 0:
            wider, index = _names(2 * len(table.at), index.state)
            wider.at[: len(table.at)] = table.at
            wider.length[: len(table.at)] = table.length
            wider.after[: len(table.at)] = table.after
            table = wider
            refill(b, table, index)
        numbers.append(number)
        at += len(name)
    first = {name: number for number, name in enumerate(dict.fromkeys(data))}
    assert numbers == [first[name] for name in data]
    assert int(index.state[COUNT]) == len(first)


def _names(room: int, state: npt.NDArray[np.int64]) -> tuple[Names, Index]:
    table = Names(np.zeros(room, np.int64), np.zeros(room, np.int32), np.full(room, -1, np.int32))
    return table, Index(np.full(1 << (2 * room).bit_length(), -1, np.int32), state)


@LAWS
@given(st.text("0123456789abcdef", min_size=1, max_size=14), st.sampled_from(["", "a=b,", "x=y , "]))
def test_a_threshold_is_the_fraction_that_the_specification_says(digits: str, before: str) -> None:
    data = f"{before}ot=rv:0;th:{digits};p:1".encode()
    threshold = int(digits.ljust(14, "0"), 16)
    expected = float(Fraction(2**56, 2**56 - threshold))
    weight = threshold_weight(buffer(data, bytes(SPARE)), 0, len(data))
    assert abs(weight / expected - 1) <= 2.0**-51


@LAWS
@given(st.floats())
def test_a_weight_is_a_multiple_of_a_65536th_between_1_and_2_to_the_24(weight: float) -> None:
    rounded = rounded_weight(weight)
    assert 1.0 <= rounded <= 2.0**24
    assert (rounded * 65536).is_integer()
    assert not 1.0 <= weight <= 2.0**24 or abs(rounded - weight) <= 2.0**-17
