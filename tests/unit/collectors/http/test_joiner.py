"""Laws of the joiner: everything added is published once, whole, in records within the limit; answers are the record's own."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.http.joiner import Joiner


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=40), st.integers(40, 120))
@settings(max_examples=60, deadline=None)
def test_every_piece_is_in_exactly_one_record_within_the_limit(pieces: list[bytes], room: int) -> None:
    records: list[bytes] = []

    async def publish(record: bytes) -> None:
        records.append(record)

    async def main() -> None:
        joiner = Joiner(publish, record_bytes=room, linger_s=0.001)
        await asyncio.gather(*map(joiner.add, pieces))

    asyncio.run(main())
    assert b"".join(records) == b"".join(pieces)
    assert all(0 < len(record) <= room for record in records)


async def test_a_failed_record_fails_those_in_it_and_no_others() -> None:
    async def publish(record: bytes) -> None:
        if b"bad" in record:
            raise OSError("no")

    joiner = Joiner(publish, record_bytes=10, linger_s=0.01)
    answers = await asyncio.gather(
        *(joiner.add(piece) for piece in (b"good 1", b"bad 123456", b"good 2")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [type(None), OSError, type(None)]


async def test_who_goes_away_takes_nothing_along() -> None:
    records: list[bytes] = []

    async def publish(record: bytes) -> None:
        records.append(record)

    joiner = Joiner(publish, record_bytes=100, linger_s=60)
    leaving = asyncio.create_task(joiner.add(b"leaving "))
    staying = asyncio.create_task(joiner.add(b"staying"))
    await asyncio.sleep(0)
    leaving.cancel()
    await joiner.drain()
    await staying
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert records == [b"leaving staying"]
