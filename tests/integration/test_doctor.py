"""`tailrace doctor` on a real Kafka and the real engine: what is missing, then all well, then what was changed by hand."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from clickhouse_connect import get_client

from schemas.topics import registry
from tests.support.clickhouse import ClickHouseProcess
from tests.support.kafka import KafkaProcess


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Empty ones, as settings."""
    with KafkaProcess() as kafka, ClickHouseProcess() as clickhouse:
        bootstrap = kafka.start(tmp_path_factory.mktemp("kafka"))
        url = clickhouse.start(tmp_path_factory.mktemp("clickhouse"))
        yield {"TAILRACE_KAFKA_BOOTSTRAP": bootstrap, "TAILRACE_CLICKHOUSE_URL": f"{url}/tailrace"}


def tailrace(servers: dict[str, str], folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and all that was said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAILRACE_")}
    command = [sys.executable, "-m", "pipeline", *arguments]
    done = subprocess.run(command, env=clean | servers, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


async def shorten(bootstrap: str, topic: str) -> None:
    """Another retention, as a person may choose it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        wanted = {"retention.ms": "60000", "message.timestamp.type": "LogAppendTime", "max.message.bytes": "20971520"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, wanted)])
    finally:
        await admin.close()


@pytest.mark.timeout(600)
async def test_doctor_names_what_is_missing_until_it_is_made(servers: dict[str, str], tmp_path: Path) -> None:
    code, said = tailrace(servers, tmp_path, "doctor")
    assert code == 1
    assert f"WRONG  topics: {', '.join(registry())} missing. Run `tailrace topics`" in said
    assert "WRONG  tables" in said
    assert "Run `tailrace migrate`" in said
    assert "2 wrong" in said

    assert tailrace(servers, tmp_path, "topics")[0] == 0
    assert tailrace(servers, tmp_path, "migrate")[0] == 0
    code, said = tailrace(servers, tmp_path, "doctor")
    assert (code, said.splitlines()[-1]) == (0, "all is well"), said
    assert tailrace(servers, tmp_path, "migrate") == (0, "database tailrace: already as this version wants it\n")

    await shorten(servers["TAILRACE_KAFKA_BOOTSTRAP"], "otlp_spans")
    code, said = tailrace(servers, tmp_path, "doctor")
    assert code == 1
    assert "otlp_spans (retention.ms: 60000, the registry says 86400000)" in said
    assert tailrace(servers, tmp_path, "topics")[0] == 1
    assert tailrace(servers, tmp_path, "topics", "--own-retention")[0] == 0

    url = urlsplit(servers["TAILRACE_CLICKHOUSE_URL"])
    client = get_client(host=url.hostname, port=url.port, database="tailrace", autogenerate_session_id=False)
    client.command("DROP TABLE span_windows_1h_mv")
    client.command("DROP TABLE span_windows_1h")
    client.close()
    code, said = tailrace(servers, tmp_path, "doctor")
    assert code == 1
    assert "table span_windows_1h is gone. Restore it" in said
