"""Dead letters survive their trip through Kafka's headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letter import REASONS, DeadLetter

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
LETTERS = st.builds(
    DeadLetter,
    topic=TEXT,
    epoch=TEXT,
    partition=st.integers(0, 2**31),
    offset=st.integers(0, 2**62),
    item_index=st.integers(-1, 10_000),
    stage=TEXT,
    reason=st.sampled_from(REASONS),
    error=TEXT,
    first_seen_ms=st.integers(0, 2**50),
    value=st.binary(max_size=100),
)


@given(LETTERS)
def test_a_letter_is_equal_after_its_trip(letter: DeadLetter) -> None:
    assert DeadLetter.from_kafka(letter.headers(), letter.value) == letter


@given(LETTERS)
def test_a_letter_that_was_written_when_items_were_spans_reads_as_the_same_letter(letter: DeadLetter) -> None:
    former = [(name.replace("item_index", "span_index"), value) for name, value in letter.headers()]
    assert DeadLetter.from_kafka(former, letter.value) == letter


@given(LETTERS, LETTERS)
def test_letters_of_different_places_have_different_ids(one: DeadLetter, other: DeadLetter) -> None:
    place = [
        (letter.topic, letter.epoch, letter.partition, letter.offset, letter.item_index) for letter in (one, other)
    ]
    assert (place[0] == place[1]) == (one.id == other.id) or "|" in one.topic + one.epoch + other.topic + other.epoch


def test_headers_hold_everything_but_the_bytes() -> None:
    letter = DeadLetter(
        topic="t",
        epoch="e",
        partition=1,
        offset=2,
        stage="decode",
        reason="malformed",
        error="x",
        first_seen_ms=3,
        value=b"secret",
    )
    assert dict(letter.headers())["tailrace.reason"] == b"malformed"
    assert b"secret" not in b"".join(value for _, value in letter.headers())


@given(LETTERS, st.integers(0, 120))
def test_a_capped_letter_says_what_it_left_out_and_is_the_same_letter(letter: DeadLetter, most: int) -> None:
    capped = letter.capped(most)
    assert capped.id == letter.id
    assert capped.value == letter.value[:most]
    assert capped.left_out_bytes == max(0, len(letter.value) - most)
    assert len(capped.error) <= 1000
    assert capped.capped(most) == capped
    if capped.left_out_bytes:
        assert f"the first {most} bytes are kept, {capped.left_out_bytes} are not" in capped.error
        assert capped.capped(most // 2).left_out_bytes == len(letter.value) - most // 2
    assert DeadLetter.from_kafka(capped.headers(), capped.value) == capped


def test_a_header_without_a_value_reads_as_empty_or_is_no_letter() -> None:
    letter = DeadLetter(
        topic="t", epoch="e", partition=0, offset=1, stage="s", reason="malformed", error="", first_seen_ms=0
    )
    headers: list[tuple[str, bytes | None]] = [
        (name, None if name == "tailrace.error" else value) for name, value in letter.headers()
    ]
    assert DeadLetter.from_kafka([*headers, ("other", None)], b"") == letter
    with pytest.raises(ValueError, match="offset"):
        DeadLetter.from_kafka([(name, None) for name, _ in letter.headers()], b"")
