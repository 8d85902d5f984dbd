"""What every collector does, from its start to its end: each registered one, and each in tests/support/collectors, on a real Kafka."""

import asyncio
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from collectors.base import Collector
from tests.support.collector_process import Running, free_ports, running
from tests.support.collectors import everyone
from tests.support.kafka import KafkaProcess, create_topics

GRACE_S, DEADLINE_S = 3.0, 2.0
BUSY_MACHINE_S = 15.0
"""What a process may take to begin and end beside what its settings say."""
SENDERS = 8

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProcess]:
    """With all their topics, a partition each."""
    with KafkaProcess() as process:
        process.start(tmp_path_factory.mktemp("kafka"))
        topics = dict.fromkeys(topic for collector, _ in everyone() for topic in collector.topics)
        create_topics(process.bootstrap, *topics, partitions=1)
        yield process


@pytest.fixture(params=everyone(), ids=lambda param: param[0].name)
def one(request: pytest.FixtureRequest) -> tuple[Collector, list[str]]:
    found: tuple[Collector, list[str]] = request.param
    return found


def quick(collector: Collector) -> dict[str, str]:
    """Its times, short."""
    prefix = collector.settings.prefix
    return {f"{prefix}_stop_grace_s": str(GRACE_S), f"{prefix}_publish_deadline_s": str(DEADLINE_S)}


async def on_kafka(bootstrap: str, collector: Collector) -> int:
    """How many examples lie there."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, 0) for topic in collector.topics]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        found, read = 0, 0
        async with asyncio.timeout(60):
            while read < sum(ends.values()):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    read += len(records)
                    found += sum(record.value.count(collector.example().mark) for record in records)
        return found
    finally:
        await consumer.stop()


async def test_it_says_ready_takes_what_it_should_and_stops(
    one: tuple[Collector, list[str]], kafka: KafkaProcess, tmp_path: Path
) -> None:
    collector, command = one
    before = await on_kafka(kafka.bootstrap, collector)
    with running(collector, command, kafka.bootstrap, tmp_path, **quick(collector)) as process:
        assert process.ready_line() == process.doors
        assert [process.get(path)[0] for path in ("/live", "/ready", "/nowhere")] == [200, 200, 404]
        assert [process.send()[0] for _ in range(3)] == [200, 200, 200]
        metrics = process.get("/metrics")[1].decode()
        assert f"tailrace_{collector.name}_requests_total" in metrics
        assert f"tailrace_{collector.name}_connections " in metrics
        process.process.send_signal(signal.SIGTERM)
        code, out, err = process.ended(GRACE_S + DEADLINE_S + BUSY_MACHINE_S)
    assert (code, out) == (0, b""), err
    assert "Traceback" not in err
    assert await on_kafka(kafka.bootstrap, collector) == before + 3


def test_without_kafka_it_is_alive_not_ready_refuses_and_stops(
    one: tuple[Collector, list[str]], tmp_path: Path
) -> None:
    collector, command = one
    nowhere = f"127.0.0.1:{free_ports(1)[0]}"
    with running(collector, command, nowhere, tmp_path, **quick(collector)) as process:
        process.alive()
        assert process.get("/ready")[0] == 503
        assert process.send()[0] == 503
        process.process.send_signal(signal.SIGTERM)
        code, out, err = process.ended(GRACE_S + DEADLINE_S + BUSY_MACHINE_S)
    assert (code, out) == (0, b""), err
    assert f"Kafka at {nowhere} is not there yet" in err


async def test_stopped_under_load_it_has_acknowledged_or_told_everything(
    one: tuple[Collector, list[str]], kafka: KafkaProcess, tmp_path: Path
) -> None:
    collector, command = one
    before = await on_kafka(kafka.bootstrap, collector)
    with running(collector, command, kafka.bootstrap, tmp_path, **quick(collector)) as process:
        process.ready_line()
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [pool.submit(_send_until_refused, process) for _ in range(SENDERS)]
            deadline = time.monotonic() + BUSY_MACHINE_S
            while b'outcome="accepted"' not in process.get("/metrics")[1]:
                assert time.monotonic() < deadline
            process.process.send_signal(signal.SIGTERM)
            code, out, err = process.ended(GRACE_S + DEADLINE_S + BUSY_MACHINE_S)
            answers = [answer for sender in senders for answer in sender.result()]
    assert (code, out) == (0, b""), err
    taken = answers.count(200)
    assert taken > 0
    assert set(answers) <= {200, 503, 0}
    assert taken <= await on_kafka(kafka.bootstrap, collector) - before <= len(answers)


def _send_until_refused(process: Running) -> list[int]:
    answers = [200]
    while answers[-1] == 200:
        answers.append(process.send()[0])
    return answers[1:]


def test_stopped_while_kafka_hangs_it_tells_those_who_wait_and_ends_in_time(
    one: tuple[Collector, list[str]], kafka: KafkaProcess, tmp_path: Path
) -> None:
    collector, command = one
    with running(collector, command, kafka.bootstrap, tmp_path, **quick(collector)) as process:
        process.ready_line()
        kafka.suspend()
        try:
            with ThreadPoolExecutor(SENDERS) as pool:
                senders = [pool.submit(process.send) for _ in range(SENDERS)]
                under_way = f"tailrace_{collector.name}_requests_under_way {float(SENDERS)}".encode()
                deadline = time.monotonic() + BUSY_MACHINE_S
                while under_way not in process.get("/metrics")[1] and not all(sender.done() for sender in senders):
                    assert time.monotonic() < deadline
                process.process.send_signal(signal.SIGTERM)
                code, out, err = process.ended(GRACE_S + 3 * DEADLINE_S + BUSY_MACHINE_S)
                answers = {sender.result()[0] for sender in senders}
        finally:
            kafka.resume()
    assert (code, out) == (0, b""), err
    assert answers == {503}


def test_an_address_that_is_taken_is_told_by_its_setting_with_exit_code_2(
    one: tuple[Collector, list[str]], tmp_path: Path
) -> None:
    collector, command = one
    for name in collector.settings.ports:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            with running(collector, command, "127.0.0.1:1", tmp_path, **quick(collector), **{name: address}) as process:
                code, out, err = process.ended(BUSY_MACHINE_S + 60)
        assert (code, out) == (2, b""), err
        assert f"TAILRACE_{name.upper()}={address} can't be opened" in err
        assert "Traceback" not in err


def test_wrong_settings_and_open_doors_are_told_with_exit_code_2(
    one: tuple[Collector, list[str]], tmp_path: Path
) -> None:
    collector, command = one
    prefix = collector.settings.prefix
    wrong = {f"{prefix}_max_requests": "0", collector.http: "0.0.0.0:0", f"{prefix}_tls_cert": "c"}
    for name, value in wrong.items():
        with running(collector, command, "127.0.0.1:1", tmp_path, **{name: value}) as process:
            code, out, err = process.ended(BUSY_MACHINE_S + 60)
        assert (code, out) == (2, b""), err
        assert f"TAILRACE_{name.upper()}" in err
        assert "Traceback" not in err


def test_without_a_key_nobody_is_taken_in_where_keys_are_set(one: tuple[Collector, list[str]], tmp_path: Path) -> None:
    collector, command = one
    keys = {f"{collector.settings.prefix}_keys": "hush"}
    with running(collector, command, "127.0.0.1:1", tmp_path, **quick(collector), **keys) as process:
        process.alive()
        status, body = process.send()
        process.process.send_signal(signal.SIGINT)
        code, _, err = process.ended(GRACE_S + DEADLINE_S + BUSY_MACHINE_S)
    assert (status, code) == (401, 0)
    assert "hush" not in err + body.decode()
