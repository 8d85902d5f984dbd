"""One registration feeds all that has to know of a collector: shown with one that is registered nowhere."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from collectors.base import Collector
from collectors.registry import REGISTERED
from pipeline.cli.collect import commands
from pipeline.cli.up import planned
from pipeline.embedded.supervisor.plan import Ports, steps
from pipeline.errors import Misconfigured
from pipeline.reference import by_section, page
from pipeline.settings import read
from pipeline.settings.known import unknown
from tests.support.collectors.jot import COLLECTOR as JOT
from tests.support.collectors.jot import JotSettings

BOTH: tuple[Collector, ...] = (*REGISTERED, JOT)


def test_the_command_line_has_a_command_for_each() -> None:
    said = CliRunner().invoke(commands(BOTH), ["--help"]).output
    assert all(one.name in said and one.summary.split(".")[0] in said for one in BOTH)
    example = CliRunner().invoke(commands(BOTH), ["jot", "--help"]).output
    assert "TAILRACE_JOT_HTTP=127.0.0.1:20000 tailrace collect jot" in example


def test_up_runs_each_on_its_ports_after_kafka_has_topics(tmp_path: Path) -> None:
    collects = planned(BOTH)
    ports = Ports.consecutive(20_000, 1, collects)
    assert ports.all() == {
        "kafka": 20_000, "clickhouse": 20_001, "otlp_grpc": 20_002, "otlp_http": 20_003, "jot_http": 20_004, "worker-1": 20_005,
    }  # fmt: skip
    run = {
        process.name: process for process in steps(ports, tmp_path, "d", {"admin": "a", "tailrace": "b"}, collects)[-1]
    }
    assert {"otlp", "jot", "worker-1"} == run.keys()
    assert run["jot"].argv[-3:] == ("collect", "jot", "--json")
    assert run["jot"].env["TAILRACE_JOT_HTTP"] == "127.0.0.1:20004"
    assert int(run["jot"].env["TAILRACE_JOT_MIN_FREE_BYTES"]) > 0


def test_the_settings_page_lists_what_is_registered_and_would_list_each() -> None:
    assert all(f"`TAILRACE_{name.upper()}`" in page() for one in REGISTERED for name in one.settings.model_fields)
    assert {"jot_http", "jot_keys", "jot_linger_ms"} <= by_section([JotSettings])["Jots"].keys()


def test_a_collector_knows_its_own_names_registered_or_not() -> None:
    assert unknown(["TAILRACE_JOT_HTTP"], JotSettings.model_fields) == []
    assert unknown(["TAILRACE_JOT_HTP"], JotSettings.model_fields) == [
        "TAILRACE_JOT_HTP is no setting. Did you mean TAILRACE_JOT_HTTP?"
    ]


@pytest.mark.parametrize("collector", BOTH, ids=lambda one: one.name)
def test_every_collector_is_sound_by_its_facts(collector: Collector) -> None:
    assert collector.http in collector.settings.ports
    assert collector.settings.prefix
    assert collector.settings.title
    assert collector.topics
    assert collector.example().mark in collector.example().body
    assert read(collector.settings, {})[0].front.keys == ()


@pytest.mark.parametrize("address", ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"])
def test_the_rules_of_open_doors_hold_for_every_collector_at_every_door(address: str) -> None:
    for collector in BOTH:
        prefix = collector.settings.prefix.upper()
        for name in collector.settings.ports:
            env = {f"TAILRACE_{name.upper()}": address}
            with pytest.raises(Misconfigured, match=f"TAILRACE_{prefix}_INSECURE=1"):
                read(collector.settings, env)
            assert read(collector.settings, env | {f"TAILRACE_{prefix}_INSECURE": "1"})
            locked = {"TLS_CERT": "c", "TLS_KEY": "k", "KEYS": "hush"}
            assert read(collector.settings, env | {f"TAILRACE_{prefix}_{key}": text for key, text in locked.items()})
