"""The embedded Kafka: survives kill -9, leaves no orphans, says the cure of what a person can mend."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.support.kafka import KafkaProcess, create_topics


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[KafkaProcess]:
    with KafkaProcess() as process:
        process.start(tmp_path / "kafka")
        yield process


def refused(data_dir: Path, port: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipeline.embedded.kafka", "--data-dir", str(data_dir), "--port", str(port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send(topic, value, partition=0)


async def read(bootstrap: str, topic: str, count: int) -> list[tuple[bytes, int]]:
    """Values and timestamp types."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        records = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(count)]
    return [(record.value, record.timestamp_type) for record in records]


def test_acknowledged_records_survive_kill_9_on_the_same_port(kafka: KafkaProcess) -> None:
    address = kafka.bootstrap
    create_topics(address, "numbers")
    values = [str(n).encode() for n in range(500)]
    asyncio.run(send(address, "numbers", values))
    kafka.kill9()
    assert kafka.restart() == address
    assert asyncio.run(read(address, "numbers", 500)) == [(value, 1) for value in values]  # 1 = LogAppendTime


def test_java_dies_with_the_process_that_started_it(kafka: KafkaProcess) -> None:
    java = psutil.Process(kafka.java_pid)
    os.kill(kafka.pid, signal.SIGKILL)
    assert psutil.wait_procs([java], timeout=10) == ([java], [])


def test_the_process_ends_with_an_error_when_java_dies(kafka: KafkaProcess) -> None:
    os.kill(kafka.java_pid, signal.SIGKILL)
    assert kafka.wait() == 1
    assert "Kafka ended by itself" in kafka.log


def test_a_clean_stop_ends_with_0_and_without_java(kafka: KafkaProcess) -> None:
    java = psutil.Process(kafka.java_pid)
    assert kafka.stop() == 0
    assert not java.is_running()
    assert not (kafka.data_dir / "java.pid").exists()


def test_a_folder_in_use_is_refused_with_the_cure(kafka: KafkaProcess) -> None:
    done = refused(kafka.data_dir, 0)
    assert done.returncode == 2
    assert f"is in use by process {kafka.pid}" in done.stderr
    assert "--data-dir" in done.stderr
    assert kafka.running()


def test_a_stale_pid_file_and_a_half_made_folder_are_harmless(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bootstrap.checkpoint").write_bytes(b"half")
    (tmp_path / "java.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "lock").write_text(f"{os.getpid()}\n")
    with KafkaProcess() as kafka:
        kafka.start(tmp_path)
        assert kafka.stop() == 0


def test_a_port_that_is_taken_is_refused_with_the_cure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = refused(tmp_path, port)
    assert done.returncode == 2
    assert f"Port {port} of 127.0.0.1, wanted for Kafka, is taken" in done.stderr
    assert "--port" in done.stderr
    assert not (tmp_path / "data").exists()


def test_json_is_one_line_and_only_loopback_listens(kafka: KafkaProcess) -> None:
    host, _, port = kafka.bootstrap.rpartition(":")
    assert (host, int(port)) == ("127.0.0.1", kafka.port)
    listening = {c.laddr.ip for c in psutil.Process(kafka.java_pid).net_connections() if c.status == psutil.CONN_LISTEN}
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}
    assert json.loads(json.dumps({"kafka": kafka.bootstrap}))


def test_a_misspelt_topic_is_not_made(kafka: KafkaProcess) -> None:
    from aiokafka.errors import UnknownTopicOrPartitionError

    async def ask() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, request_timeout_ms=1000)
        await producer.start()
        try:
            await producer.client._wait_on_metadata("misspelt")
        finally:
            await producer.stop()

    with pytest.raises(UnknownTopicOrPartitionError):
        asyncio.run(ask())
