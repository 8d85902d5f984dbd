"""What `up` runs: order, addresses, and refusals before anything starts."""

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.registry import REGISTERED
from pipeline.cli.up import planned
from pipeline.disk import LOW_BYTES
from pipeline.embedded.lifeline import FolderLock, claim_port, free_port
from pipeline.embedded.supervisor.overruled import overruled
from pipeline.embedded.supervisor.plan import Collects, Ports, steps
from pipeline.embedded.supervisor.process import Process
from pipeline.embedded.supervisor.up import Options, up
from pipeline.errors import Misconfigured
from pipeline.settings import Settings

PASSWORDS = {"admin": "of the owner", "tailrace": "of the workers"}
OTLP = planned(REGISTERED)


def set_by(source: str, **addresses: str) -> list[Collects]:
    """The receiver, with these addresses from there."""
    return [Collects("otlp", {**OTLP[0].addresses, **addresses}, "min", dict.fromkeys(addresses, source))]


def planned_steps(workers: int, folder: Path, database: str) -> list[list[Process]]:
    return steps(Ports.consecutive(20_000, workers, OTLP), folder, database, PASSWORDS, OTLP)


def test_servers_come_first_then_tables_and_topics_then_those_who_use_them(tmp_path: Path) -> None:
    names = [[process.name for process in step] for step in planned_steps(2, tmp_path, "tailrace")]
    assert names == [["kafka", "clickhouse"], ["migrate", "topics"], ["worker-1", "worker-2", "otlp"]]


def test_every_child_is_told_the_same_addresses_by_our_settings_names(tmp_path: Path) -> None:
    for process in (process for step in planned_steps(3, tmp_path, "mine") for process in step):
        ours = {k.removeprefix("TAILRACE_").lower(): v for k, v in process.env.items() if k.startswith("TAILRACE_")}
        least_free = ours.pop("otlp_min_free_bytes", None)  # the receiver's own
        assert least_free == (str(LOW_BYTES) if process.name == "otlp" else None)
        doors = (ours.pop("otlp_grpc"), ours.pop("otlp_http"))
        assert doors == ("127.0.0.1:20002", "127.0.0.1:20003")
        settings = Settings.model_validate(ours)
        assert settings.data_dir == tmp_path
        assert settings.kafka_bootstrap == "127.0.0.1:20000"
        writes = process.name.startswith(("worker", "migrate"))
        assert settings.clickhouse_user == ("tailrace" if writes else "default")
        assert settings.clickhouse_password.get_secret_value() == ("of the workers" if writes else "")
        assert settings.clickhouse_url == "http://127.0.0.1:20001/mine"


def test_consecutive_ports_do_not_overlap_and_end_below_65536() -> None:
    ports = Ports.consecutive(65_000, 8, OTLP)
    assert list(ports.all().values()) == list(range(65_000, 65_012))
    for first in (65_530, 0, -1):
        with pytest.raises(Misconfigured, match="from 1 to 65524"):
            Ports.consecutive(first, 8, OTLP)
    assert max(Ports.consecutive(65_524, 8, OTLP).all().values()) == 65_535


def test_without_ports_from_the_settings_say_where() -> None:
    given = {"kafka_bootstrap": "127.0.0.1:1111", "worker_http": "127.0.0.1:3333"}
    settings = Settings.model_validate(given)
    collects = [Collects("otlp", {"otlp_grpc": "127.0.0.1:4317", "otlp_http": "127.0.0.1:2222"}, "min")]
    ports = Ports.usual(settings, 1, collects)
    assert (ports.kafka, ports.clickhouse, ports.collectors["otlp_http"], ports.workers) == (1111, 8123, 2222, (3333,))
    assert len(set(Ports.usual(settings, 4, collects).workers)) == 4


def test_addresses_of_collectors_are_those_of_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILRACE_OTLP_HTTP", "127.0.0.1:2222")
    assert planned(REGISTERED)[0].addresses == {"otlp_grpc": "127.0.0.1:4317", "otlp_http": "127.0.0.1:2222"}


def test_an_address_that_was_set_and_is_not_used_is_said_with_what_is() -> None:
    said = {
        "clickhouse_url": "http://me:secret@db:8123/mine",
        "worker_http": "127.0.0.1:1",
    }
    settings = Settings.model_validate(said)
    sources = {**dict.fromkeys(said, "environment"), "kafka_bootstrap": "default"}
    told = overruled(
        settings, sources, Ports.consecutive(20_000, 2, OTLP), set_by("environment", otlp_http="127.0.0.1:4318")
    )
    assert [line.split()[0] for line in told] == [
        *("TAILRACE_CLICKHOUSE_URL", "TAILRACE_OTLP_HTTP", "TAILRACE_WORKER_HTTP")
    ]
    assert told[1].startswith("TAILRACE_OTLP_HTTP = 127.0.0.1:4318 (environment) is not used: 127.0.0.1:20003 is")
    assert "127.0.0.1:20004 and 20005 are" in told[2]
    assert "secret" not in "".join(told)


def test_a_server_elsewhere_is_not_what_up_runs_and_the_same_port_is() -> None:
    said = {"kafka_bootstrap": "kafka-1:9092,kafka-2:9092"}
    collects = set_by("file x", otlp_grpc="localhost:4317")
    settings = Settings.model_validate(said)
    told = overruled(settings, dict.fromkeys(said, "file x"), Ports.usual(settings, 1, collects), collects)
    assert [line.split()[0] for line in told] == ["TAILRACE_KAFKA_BOOTSTRAP"]


@given(st.integers(1024, 60_000))
def test_what_was_set_and_is_used_needs_no_word(first: int) -> None:
    said = {"kafka_bootstrap": f"127.0.0.1:{first}"}
    settings = Settings.model_validate(said)
    collects = set_by("environment", otlp_http=f"127.0.0.1:{first + 3}")
    assert overruled(settings, dict.fromkeys(said, "environment"), Ports.consecutive(first, 1, OTLP), collects) == []


def test_all_taken_ports_are_told_at_once_before_anything_starts(tmp_path: Path) -> None:
    first = free_port()
    told = rf"kafka {first}.*--ports-from"
    with socket.create_server(("127.0.0.1", first)), pytest.raises(Misconfigured, match=told):
        up(Settings.model_validate({}), Options(tmp_path, ports_from=first), OTLP)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_folder_has_one_supervisor(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(Misconfigured, match="is in use by process"):
        FolderLock(tmp_path, patience_s=0)
    lock.release()
    FolderLock(tmp_path, patience_s=0).release()


def test_port_0_is_any_free_one() -> None:
    assert claim_port(0, what="a test") > 0
