"""Laws of the Native column writers, against the format's plain definition in Python."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.native.dictionary import encode
from pipeline.kernels.native.strings import hex_ids, repeat, strings, strings_with_ends
from pipeline.kernels.native.traces import first_spans_of_traces
from pipeline.varint import varint

TEXTS = st.lists(
    st.one_of(st.binary(max_size=40), st.sampled_from([b"", b"a", b"x" * 127, b"y" * 128, b"z" * 20000])), max_size=60
)


def placed(texts: list[bytes]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    lengths = np.array([len(text) for text in texts], np.int32)
    at = np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)
    return np.frombuffer(b"".join(texts), np.uint8), at, lengths


@settings(deadline=None)  # the first call compiles
@given(TEXTS)
def test_strings_are_each_value_behind_its_length(texts: list[bytes]) -> None:
    want = b"".join(varint(len(text)) + text for text in texts)
    assert bytes(strings(*placed(texts))) == want
    data, ends = strings_with_ends(*placed(texts))
    assert bytes(data) == want
    assert np.diff(ends, prepend=0).tolist() == [len(varint(len(text))) + len(text) for text in texts]


@settings(deadline=None)  # the first call compiles
@given(TEXTS)
def test_a_dictionary_gives_every_row_its_value_in_order_of_first_appearance(texts: list[bytes]) -> None:
    values, index = encode(*placed(texts))
    known = [texts[row] for row in values]
    assert known == list(dict.fromkeys(texts))
    assert [known[number] for number in index] == texts


def test_a_dictionary_grows_past_its_first_size() -> None:
    chance = np.random.default_rng(1)
    texts = [b"key%d" % chance.integers(9000) for _ in range(20_000)]
    values, index = encode(*placed(texts))
    known = [texts[row] for row in values]
    assert known == list(dict.fromkeys(texts))
    assert [known[number] for number in index] == texts


@settings(deadline=None)  # the first call compiles
@given(TEXTS.filter(bool), st.data())
def test_pieces_are_repeated_for_their_owners(texts: list[bytes], data: st.DataObject) -> None:
    owners = data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=50))
    buffer, _, lengths = placed(texts)
    found = repeat(buffer, np.cumsum(lengths).astype(np.int64), np.array(owners, np.int32))
    assert bytes(found) == b"".join(texts[owner] for owner in owners)


@settings(deadline=None)  # the first call compiles
@pytest.mark.parametrize("size", [8, 16])
@given(data=st.data())
def test_ids_become_hex_and_missing_ones_empty(size: int, data: st.DataObject) -> None:
    ids = data.draw(st.lists(st.one_of(st.none(), st.binary(min_size=size, max_size=size)), max_size=30))
    buffer, at, _ = placed([one or bytes(size) for one in ids])
    at[[one is None for one in ids]] = -1
    want = b"".join(b"\0" if one is None else bytes([2 * size]) + one.hex().encode() for one in ids)
    assert bytes(hex_ids(buffer, at, size)) == want


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 8))
def test_a_trace_keeps_its_first_spans_only(traces: list[int], limit: int) -> None:
    buffer, at, _ = placed([trace.to_bytes(16, "big") for trace in traces])
    keep = first_spans_of_traces(buffer, at, limit)
    want = [traces[:place].count(trace) < limit for place, trace in enumerate(traces)]
    assert (keep is None and all(want)) or (keep is not None and keep.tolist() == want)
