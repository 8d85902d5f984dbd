"""The embedded server's life: started, stopped, killed, left alone by its parent, and what is then in its tables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pipeline.embedded.confinement import available
from tests.contract.clickhouse.conftest import REAL, Server
from tests.contract.clickhouse.test_limits import LONG, asked, eventually, running
from tests.support.clickhouse import ClickHouseProcess

pytestmark = pytest.mark.skipif(bool(REAL), reason="the embedded server's own life")
COMMAND = [sys.executable, "-m", "pipeline.embedded.clickhouse"]
TABLE = "CREATE TABLE t (a Int64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000"
TARGET = "CREATE TABLE sums (a Int64) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window = 1000"
VIEW = "CREATE MATERIALIZED VIEW v TO sums AS SELECT sum(a) AS a FROM t"
TOKEN = {"insert_deduplication_token": "t|1-2", "deduplicate_blocks_in_dependent_materialized_views": 1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_in_the_middle_of_queries(
    embedded: ClickHouseProcess, number: signal.Signals
) -> None:
    server = Server(embedded.start(embedded.data_dir))
    clients = [asked(server, LONG) for _ in range(3)]
    eventually(lambda: len(running(server)) == 3)
    os.kill(embedded.pid, number)
    assert embedded.wait() == 0, embedded.log
    for client in clients:
        client.close()


def test_rows_survive_kill_9_and_the_same_port_serves_again(embedded: ClickHouseProcess) -> None:
    server = Server(embedded.start(embedded.data_dir))
    server.send(TABLE)
    for n in range(5):
        assert server.send("INSERT INTO t FORMAT TSV", b"%d\n" % n).status == 200
        assert embedded.restart() == server.url
    assert server.send("SELECT count() FROM t").body == b"5\n"


def test_a_folder_that_is_open_is_refused_with_the_cure(embedded: ClickHouseProcess) -> None:
    embedded.start(embedded.data_dir)
    second = subprocess.run(
        [*COMMAND, "--data-dir", embedded.data_dir, "--port", "0"], capture_output=True, text=True, check=False
    )
    assert second.returncode == 2
    assert f"is in use by process {embedded.pid}" in second.stderr
    assert f"kill {embedded.pid}" in second.stderr


def test_a_port_that_is_taken_is_refused_with_the_cure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*COMMAND, "--data-dir", str(tmp_path / "d"), "--port", str(port)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert f"port {port}" in ended.stderr
    assert "--port" in ended.stderr


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        f"child = subprocess.Popen({[*COMMAND, '--data-dir', str(tmp_path / 'd'), '--port', '0', '--json', '--die-with-parent']!r},"
        " stdout=subprocess.PIPE)\n"
        "print(child.pid, child.stdout.readline().decode(), flush=True)\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdin is not None
    pid, _, line = parent.stdout.readline().partition(" ")
    assert json.loads(line)["clickhouse"].startswith("http://127.0.0.1:")
    child = psutil.Process(int(pid))
    parent.kill()
    parent.communicate()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_an_insert_that_a_view_or_a_limit_refuses_is_not_answered_ok(embedded: ClickHouseProcess) -> None:
    server = Server(embedded.start(embedded.data_dir))
    for sql in (
        "CREATE TABLE checked (a Int64, CONSTRAINT small CHECK a < 5) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE seen (a Int64) ENGINE = MergeTree ORDER BY a",
        "CREATE MATERIALIZED VIEW throwing ENGINE = MergeTree ORDER BY a AS SELECT toInt64(throwIf(a = 7)) AS a FROM seen",
        "CREATE TABLE split (a Int64) ENGINE = MergeTree ORDER BY a PARTITION BY a",
    ):
        assert server.send(sql).status == 200
    many = b"".join(b"%d\n" % n for n in range(300))
    for table, rows, code in (("checked", b"9\n", 469), ("seen", b"7\n", 395), ("split", many, 252)):
        assert server.send(f"INSERT INTO {table} FORMAT TSV", rows).code == code
    lines = (b"7\n" * 500_000 for _ in range(70))
    assert server.send("INSERT INTO seen FORMAT TSV", lines).code == 395, "streamed"


def lose_part(embedded: ClickHouseProcess, table: str, database: str = "default") -> None:
    """As a kill between token and part leaves it: the last part gone, its token there. The server must be down."""
    for metadata in embedded.engine_dir.glob(f"metadata/{database}/{table}.sql"):
        uuid = metadata.read_text().split("UUID '")[1].split("'")[0]
        parts = [part for part in (embedded.engine_dir / "store" / uuid[:3] / uuid).glob("all_*") if part.is_dir()]
        shutil.rmtree(max(parts, key=lambda part: int(part.name.split("_")[2])))


def lost_and_repeated(embedded: ClickHouseProcess, table: str) -> tuple[int, int]:
    """The sums of table and view's target after an insert, a kill between token and part, and the same insert again."""
    server = Server(embedded.start(embedded.data_dir))
    for sql in (TABLE, TARGET, VIEW):
        assert server.send(sql).status == 200
    assert server.send("INSERT INTO t FORMAT TSV", b"7\n8\n", also=TOKEN).status == 200
    embedded.kill9()
    lose_part(embedded, table)
    embedded.restart()
    for _ in range(2):
        assert server.send("INSERT INTO t FORMAT TSV", b"7\n8\n", also=TOKEN).status == 200
    return int(server.send("SELECT sum(a) FROM t").body), int(server.send("SELECT sum(a) FROM sums").body)


@pytest.mark.parametrize("table", ["t", "sums"])
def test_an_insert_killed_between_token_and_part_is_healed_by_its_repeat(
    embedded: ClickHouseProcess, table: str
) -> None:
    assert lost_and_repeated(embedded, table) == (15, 15)


@pytest.mark.parametrize("table", ["t", "sums"])
def test_without_the_repair_those_rows_are_lost(embedded: ClickHouseProcess, table: str) -> None:
    embedded.env["TAILRACE_TEST_SKIP_LOG_REPAIR"] = "1"
    assert lost_and_repeated(embedded, table) != (15, 15)


def test_it_ends_itself_after_an_insert_that_failed_for_storage(embedded: ClickHouseProcess) -> None:
    server = Server(embedded.start(embedded.data_dir))
    assert server.send(TABLE).status == 200
    assert server.send("INSERT INTO t FORMAT TSV", b"1\n").status == 200
    (uuid,) = server.send("SELECT uuid FROM system.tables WHERE name = 't'").text.split()
    folder = embedded.engine_dir / "store" / uuid[:3] / uuid
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("not a folder")
    reply = server.send("INSERT INTO t FORMAT TSV", b"2\n")
    assert reply.status >= 500, reply.text
    assert embedded.wait() == 75, embedded.log
    folder.unlink()
    aside.rename(folder)
    embedded.restart()
    assert server.send("INSERT INTO t FORMAT TSV", b"2\n").status == 200
    assert server.send("SELECT sum(a) FROM t").body == b"3\n"


@pytest.mark.skipif(not available().network, reason="this kernel's Landlock has no rules for connections")
def test_the_engine_itself_is_confined(embedded: ClickHouseProcess, tmp_path: Path) -> None:
    """Behind the checks of SQL: a view with file(), as an older release let one be made, reads nothing."""
    url = embedded.start(embedded.data_dir)
    assert "confined by Landlock" in embedded.log
    Server(url).send("CREATE VIEW seen AS SELECT 'FILE_TEXT' AS a")
    embedded.stop()
    (definition,) = (path for path in embedded.engine_dir.rglob("seen.sql") if "FILE_TEXT" in path.read_text())
    definition.write_text(definition.read_text().replace("'FILE_TEXT'", "file('/etc/passwd')"))
    url = embedded.start(embedded.data_dir)
    reply = Server(url).send("SELECT a FROM seen")
    assert reply.status >= 400
    assert "root:" not in reply.text
