"""A small insert makes few files, and its part and token survive a kill."""

from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from tests.support.clickhouse import ClickHouseProcess

TABLE = (
    "CREATE TABLE small (n UInt64, name LowCardinality(String), latency Map(Int32, Float64)) ENGINE = MergeTree"
    " PARTITION BY n % 2 ORDER BY n SETTINGS non_replicated_deduplication_window = 100"
)


def insert(client: Client, token: str) -> None:
    rows = [[n, "a", {1: 0.5}] for n in range(20)]
    client.insert("small", rows, ["n", "name", "latency"], settings={"insert_deduplication_token": token})


def parts(client: Client, engine_dir: Path) -> list[list[str]]:
    """File names of each part."""
    told = client.query("SELECT path FROM system.parts WHERE table = 'small' AND active").result_rows
    paths = [Path(str(path)) for (path,) in told]
    return [sorted(file.name for file in (engine_dir / path).iterdir()) for path in paths]


def test_a_small_part_is_one_file_and_survives_a_kill_with_its_token(tmp_path: Path) -> None:
    with ClickHouseProcess() as server:
        client = clickhouse_connect.get_client(dsn=server.start(tmp_path), autogenerate_session_id=False)
        client.command(TABLE)
        client.command("SYSTEM STOP MERGES small")
        for token in ("one", "one", "two"):
            insert(client, token)
        assert parts(client, server.engine_dir) == [["data.packed"]] * 4
        client.close()
        client = clickhouse_connect.get_client(dsn=server.restart(), autogenerate_session_id=False)
        for token in ("one", "two", "three"):
            insert(client, token)
        client.command("OPTIMIZE TABLE small FINAL")
        assert client.query("SELECT count(), sum(n), sum(latency[1]) FROM small").result_rows == [(60, 570, 30.0)]
        client.close()
