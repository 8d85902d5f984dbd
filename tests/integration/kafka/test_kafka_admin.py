"""Topics and their ids, on a real Kafka; and the Metadata request against things that are no Kafka."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import Misconfigured
from pipeline.kafka.admin import ensure_topics
from pipeline.kafka.wire import MetadataError, TopicIds, _decode, metadata, topic_ids
from schemas.topics import registry
from tests.support.kafka import KafkaProcess, create_topics_async
from tests.support.proxy import LossyProxy


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with KafkaProcess() as kafka:
        yield kafka.start(tmp_path_factory.mktemp("kafka"))


async def delete(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([name])
        async with asyncio.timeout(20):
            while name in await admin.list_topics():  # noqa: ASYNC110 - the broker tells nobody when it is done
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


async def test_the_registry_is_made_once_and_then_found_fine(bootstrap: str) -> None:
    wanted = list(registry().values())
    made = await ensure_topics(bootstrap, wanted)
    assert [(state.name, state.state) for state in made] == [(topic.name, "made") for topic in wanted]
    again = await ensure_topics(bootstrap, wanted)
    assert [(state.state, state.differences) for state in again] == [("fine", ())] * len(wanted)
    known = (await metadata(bootstrap)).topics
    assert {name: known[name].partitions for name in registry()} == {t.name: t.partitions for t in wanted}


async def test_two_that_make_topics_at_once_both_succeed(bootstrap: str) -> None:
    topics = [topic.model_copy(update={"name": f"race-{topic.name}"}) for topic in registry().values()]
    both = await asyncio.gather(*(ensure_topics(bootstrap, topics) for _ in range(4)))
    for name in (topic.name for topic in topics):
        assert sum(state.state == "made" for states in both for state in states if state.name == name) == 1


async def test_what_differs_is_told_and_left_as_it_is(bootstrap: str) -> None:
    topic = registry()["alerts"].model_copy(update={"name": "other-alerts", "partitions": 3})
    await create_topics_async(bootstrap, "other-alerts", partitions=2, configs={"message.timestamp.type": "CreateTime"})
    for _ in range(2):
        (state,) = await ensure_topics(bootstrap, [topic])
        assert state.state == "different"
        told = "; ".join(state.differences)
        assert "partitions: 2, the registry says at least 3" in told
        assert "cleanup.policy: delete, the registry says compact" in told
        assert "message.timestamp.type: CreateTime, the registry says LogAppendTime" in told
        assert "max.message.bytes" not in told  # the broker's own limit is as large


async def test_more_partitions_than_the_registry_asks_for_are_fine(bootstrap: str) -> None:
    topic = registry()["otlp_spans"].model_copy(update={"name": "wide", "partitions": 8})
    await ensure_topics(bootstrap, [topic])
    (state,) = await ensure_topics(bootstrap, [topic.model_copy(update={"partitions": 4})])
    assert state.state == "fine"


async def test_a_topic_made_anew_has_another_id(bootstrap: str) -> None:
    await create_topics_async(bootstrap, "once", "twice")
    before = await topic_ids(bootstrap, ["once", "twice"])
    await delete(bootstrap, "twice")
    assert await topic_ids(bootstrap, ["twice"]) == {}
    await create_topics_async(bootstrap, "twice")
    after = await topic_ids(bootstrap, ["once", "twice", "never"])
    assert after["once"] == before["once"]
    assert after["twice"] != before["twice"]
    assert "never" not in after


async def test_ids_are_asked_over_one_connection_and_over_a_new_one_where_its_answer_is_lost(bootstrap: str) -> None:
    await create_topics_async(bootstrap, "again")
    port = int(bootstrap.rpartition(":")[2])
    with LossyProxy(port) as proxy:
        ids = TopicIds(f"127.0.0.1:{proxy.port}")
        try:
            first = await ids.ask(["again", "nowhere"])
            assert first == await topic_ids(bootstrap, ["again"])
            for _ in range(20):
                assert await ids.ask(["again"]) == first
            assert proxy.accepted == 1
            proxy.lose(b"again")
            assert await ids.ask(["again"]) == first
            assert (len(proxy.lost), proxy.accepted) == (1, 2)
            await delete(bootstrap, "again")
            assert await ids.ask(["again"]) == {}
        finally:
            ids.close()


async def test_a_question_given_up_leaves_no_answer_behind_for_the_next(bootstrap: str) -> None:
    await create_topics_async(bootstrap, "asked", "other")
    ids = TopicIds(bootstrap)
    try:
        await ids.ask(["asked"])
        given_up = asyncio.create_task(ids.ask(["asked"]))
        await asyncio.sleep(0)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert set(await ids.ask(["other"])) == {"other"}
    finally:
        ids.close()


async def test_the_next_broker_is_asked_when_one_does_not_answer(bootstrap: str) -> None:
    assert (await metadata(f"127.0.0.1:1,{bootstrap}")).brokers == {1: bootstrap}


async def test_nobody_there_is_an_error_with_its_address() -> None:
    with pytest.raises(MetadataError, match=r"127\.0\.0\.1:1: ConnectionRefusedError"):
        await topic_ids("127.0.0.1:1", ["a"])
    with pytest.raises(Misconfigured, match="TAILRACE_KAFKA_BOOTSTRAP"):
        await ensure_topics("127.0.0.1:1", registry().values())


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\4\0\0\0\1", b"\0\0\0\5\0\0\0\2\0"]
)
async def test_what_is_no_kafka_is_an_error_not_a_hang(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MetadataError, match=f"127.0.0.1:{port}"):
            await metadata(f"127.0.0.1:{port}", ["a"], timeout_s=5)


async def test_a_mute_server_is_left_after_the_time_out() -> None:
    release = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MetadataError, match="TimeoutError"):
            await metadata(f"127.0.0.1:{port}", timeout_s=0.2)
        release.set()


@given(st.binary(max_size=200))
def test_no_answer_whatever_its_bytes_breaks_more_than_itself(noise: bytes) -> None:
    try:
        answer = _decode(b"\0\0\0\1\0" + noise)
    except ValueError:
        return
    assert len(answer.brokers) + len(answer.topics) <= len(noise)


def test_the_command_tells_each_topic(bootstrap: str, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = "from typer import Typer; from pipeline.cli import topics; app = Typer(); topics.register(app); app()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "TAILRACE_KAFKA_BOOTSTRAP": bootstrap},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {line.split()[1] for line in done.stdout.splitlines()} == set(registry())
