"""Laws of grouping: what the kernels find is what a dictionary finds, while their tables grow."""

from collections import Counter, defaultdict

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.group.bytes import distinct_triples, gather
from pipeline.kernels.group.spans import (
    CALLS,
    KEY,
    KIND_BITS,
    LEAST,
    MOST,
    NAME_BITS,
    ONE,
    PAIR_BITS,
    SPANS,
    WINDOW,
    Spans,
    group_spans,
    used_pairs,
)
from pipeline.kernels.sketch.ddsketch import BOUNDS_NS, CELLS, buckets_of

LAWS = settings(deadline=None)
texts = st.one_of(st.sampled_from([b"", b"a", b"ab", b"12345678", b"123456789", b"12345679"]), st.binary(max_size=20))


@LAWS
@given(st.lists(st.tuples(texts, texts, texts), max_size=40), st.integers(-(2**63), 2**63 - 1))
def test_triples_have_the_numbers_that_a_dictionary_gives_whatever_the_secret(
    triples: list[tuple[bytes, bytes, bytes]], secret: int
) -> None:
    data = bytearray(b"\0")
    places: list[list[int]] = [[], [], []]
    for triple in triples:
        for k in range(3):
            places[k].append(len(data))
            data += triple[k]
    at = [np.array(column, np.int64) for column in places]
    length = [np.array([len(triple[k]) for triple in triples], np.int32) for k in range(3)]
    buffer = np.frombuffer(bytes(data), np.uint8)
    numbers, firsts = distinct_triples(buffer, at[0], length[0], at[1], length[1], at[2], length[2], secret)
    seen = list(dict.fromkeys(triples))
    assert [seen[number] for number in numbers] == triples
    assert [triples[first] for first in firsts] == seen
    offsets = np.empty(len(firsts) + 1, np.int32)
    joined = gather(buffer, at[0], length[0], firsts, offsets)
    assert joined.tobytes() == b"".join(triple[0] for triple in seen)


def _spans(count: int, names: int, seed: int) -> Spans:
    draw = np.random.default_rng(seed)
    end = 1_700_000_000_000_000_000 + draw.integers(0, 3 * 10**10, count)
    return Spans(
        resource=draw.integers(0, 5, count).astype(np.int32),
        name=draw.integers(0, names, count).astype(np.int32),
        kind=draw.integers(0, 7, count).astype(np.uint8),
        status_code=draw.integers(0, 3, count).astype(np.uint8),
        http_status=draw.choice([0, 200, 500], count).astype(np.int32),
        start_ns=end - draw.integers(-5, 10**10, count),
        end_ns=end,
        weight=draw.integers(65536, 10 * 65536, count) / 65536,
        resource_key=np.array([0, 1, 1, 2, 0], np.int32),
        satisfied_ns=np.array([10**8, 10**9, 5 * 10**8], np.int64),
    )


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 4000), st.sampled_from([1, 30, 5000]), st.integers(0, 2**32))
def test_groups_and_pairs_are_what_a_dictionary_finds_while_the_tables_grow(count: int, names: int, seed: int) -> None:
    spans = _spans(count, names, seed)
    heads, sums, table = group_spans(spans, BOUNDS_NS, CELLS)
    pairs, calls = used_pairs(table)
    durations = np.maximum(spans.end_ns - spans.start_ns, 0)
    buckets = buckets_of(durations)
    rows: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i in range(count):
        rows[int(spans.end_ns[i]) // 10**10, _key(spans, i)].append(i)
    assert [(int(head[WINDOW]), int(head[KEY])) for head in heads] == list(rows)
    sketches: Counter[tuple[int, int]] = Counter()
    for group, members in enumerate(rows.values()):
        units = (spans.weight[members] * ONE).astype(np.int64)
        found = sums[group]
        assert (found[SPANS], found[CALLS]) == (len(members), units.sum())
        assert (found[LEAST], found[MOST]) == (durations[members].min(), durations[members].max())
        for bucket, unit in zip(buckets[members].tolist(), units.tolist(), strict=True):
            sketches[group, bucket] += unit
    counted = zip((pairs >> PAIR_BITS).tolist(), ((pairs & (1 << PAIR_BITS) - 1) - 1).tolist(), strict=True)
    assert dict(zip(counted, calls.tolist(), strict=True)) == sketches


def _key(spans: Spans, i: int) -> int:
    kind = int(spans.kind[i]) if spans.kind[i] <= 5 else 0
    unset_server_error = spans.status_code[i] == 0 and kind == 2 and spans.http_status[i] >= 500
    error = int(spans.status_code[i] == 2 or unset_server_error)
    resource = int(spans.resource_key[spans.resource[i]])
    return (resource << NAME_BITS | int(spans.name[i])) << KIND_BITS | kind << 1 | error
