"""Who may speak to the embedded server: programs of this machine, not web pages that a browser shows here."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.embedded.clickhouse.server import EXIT_MISCONFIGURED, main
from tests.contract.clickhouse.conftest import REAL, Server
from tests.support.clickhouse import ClickHouseProcess

pytestmark = pytest.mark.skipif(bool(REAL), reason="the embedded server's own door")


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "tailrace.example:8123"},
        {"Host": "127.0.0.1.example.com"},
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/query", "/ping"])
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_what_a_web_page_sends_is_refused(server: Server, headers: dict[str, str], path: str, method: str) -> None:
    reply = server.send("SELECT 1", method=method, path=path, headers=headers)
    assert reply.status == 403
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8123", "[::1]:8123", "LOCALHOST:1"])
def test_programs_of_this_machine_are_answered(server: Server, host: str) -> None:
    assert server.send("SELECT 1", headers={"Host": host}).body == b"1\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - refused
@pytest.mark.parametrize("logins", [None, {"default": {}}, {"a": {"password_sha256": "0" * 64}, "b": {}}, {}])
def test_an_address_that_others_reach_needs_passwords(
    host: str, logins: object, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TAILRACE_CLICKHOUSE_INSECURE", raising=False)
    arguments = ["--data-dir", str(tmp_path / "data"), "--port", "0", "--host", host]
    if logins is not None:
        (tmp_path / "users.json").write_text(json.dumps(logins))
        arguments += ["--users", str(tmp_path / "users.json")]
    assert main(arguments) == EXIT_MISCONFIGURED
    assert "TAILRACE_CLICKHOUSE_INSECURE" in capsys.readouterr().err
    assert not (tmp_path / "data").exists()


def test_it_opens_with_passwords_or_where_it_is_said_to_be_meant(embedded: ClickHouseProcess, tmp_path: Path) -> None:
    (tmp_path / "users.json").write_text(json.dumps({"default": {"password_sha256": sha256(b"p").hexdigest()}}))
    embedded.args = ["--host", "0.0.0.0", "--users", str(tmp_path / "users.json")]  # noqa: S104 - with a password
    embedded.start(embedded.data_dir)
    server = Server(
        f"http://127.0.0.1:{embedded.port}", login={"X-ClickHouse-User": "default", "X-ClickHouse-Key": "p"}
    )
    assert server.send("SELECT 1").body == b"1\n"
    assert server.send("SELECT 1", headers={"Origin": "https://example.com"}).status == 403
    embedded.stop()
    embedded.args, embedded.env = ["--host", "0.0.0.0"], {"TAILRACE_CLICKHOUSE_INSECURE": "1"}  # noqa: S104 - meant
    embedded.start(embedded.data_dir)
    assert Server(f"http://127.0.0.1:{embedded.port}").send("SELECT 1").body == b"1\n"
