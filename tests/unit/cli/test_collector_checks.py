"""Whether a collector runs, asked of it itself: shown with one that is registered nowhere, on a real door."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import aiohttp
import pytest

from collectors.publish.memory import MemoryPublisher
from collectors.registry import REGISTERED
from pipeline.cli.checks import Check, Finding, run
from pipeline.cli.collector_checks import collector_checks
from pipeline.cli.here import Here
from pipeline.settings import Settings, read
from tests.support.collectors.jot import COLLECTOR as JOT

PLACE = Here(Settings.model_validate({}), {}, ())


async def answer(place: Here = PLACE) -> Finding:
    def asked() -> Finding:
        (found,) = run(collector_checks(place, [JOT]))
        return found

    return await asyncio.to_thread(asked)


def test_there_is_a_check_for_each_registered_collector() -> None:
    checks: list[Check] = list(collector_checks(PLACE))
    assert [check.name for check in checks] == [f"{one.name} receiver" for one in REGISTERED]


async def test_one_that_runs_is_told_with_what_it_took_one_without_kafka_is_wrong_and_so_is_one_that_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TAILRACE_JOT_HTTP", "127.0.0.1:0")
    publisher = MemoryPublisher(["jots"], deadline_s=0.1)
    await publisher.start()
    service = JOT.service(read(JOT.settings)[0], publisher)
    await service.start()
    address = service.addresses()["jot_http"]
    monkeypatch.setenv("TAILRACE_JOT_HTTP", address)
    example = JOT.example()
    async with aiohttp.ClientSession() as session:
        url, type_ = f"http://{address}{example.path}", {"Content-Type": example.content_type}
        async with session.post(url, data=example.body, headers=type_) as taken:
            assert taken.status == 200
        async with session.post(url, data=b"[]", headers=type_) as refused:
            assert refused.status == 400
    found = await answer()
    assert (found.name, found.state) == ("jot receiver", "ok")
    assert f"takes requests at http://{address}; 1 requests taken since its start, refused: 1 " in found.says
    publisher.go_down()
    found = await answer()
    assert (found.state, found.data["status"]) == ("WRONG", 503)
    await service.stop()
    found = await answer()
    assert (found.state, found.says.split(". ")[0]) == ("WRONG", f"nobody answers at http://{address}")
    assert "tailrace collect jot" in found.cure


async def test_one_that_nobody_has_set_up_is_no_fault_unless_the_up_of_this_folder_runs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TAILRACE_JOT_HTTP", raising=False)
    found = await answer()
    assert (found.state, "TAILRACE_JOT_HTTP names one" in found.says) == ("ok", True)
    found = await answer(
        Here(Settings.model_validate({}), {}, (), {"kafka": "127.0.0.1:9092", "jot_http": "127.0.0.1:9"})
    )
    assert (found.state, found.says.split(". ")[0]) == ("WRONG", "nobody answers at http://127.0.0.1:9")


async def test_a_wrong_setting_of_one_is_its_own_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILRACE_JOT_HTTP", "0.0.0.0:4399")
    found = await answer()
    assert (found.state, "TAILRACE_JOT_INSECURE=1" in found.says + found.cure) == ("WRONG", True)


async def test_one_at_any_free_port_can_not_be_asked_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILRACE_JOT_HTTP", "127.0.0.1:0")
    found = await answer()
    assert (found.state, "any free port" in found.says) == ("ok", True)


async def test_one_behind_tls_is_asked_by_its_own_certificate_whatever_name_that_is_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=jots.example"]
    command += ["-out", str(cert), "-keyout", str(key)]
    try:
        await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not on this machine")
    for name, value in {"HTTP": "127.0.0.1:0", "TLS_CERT": str(cert), "TLS_KEY": str(key), "KEYS": "hush"}.items():
        monkeypatch.setenv(f"TAILRACE_JOT_{name}", value)
    publisher = MemoryPublisher(["jots"])
    await publisher.start()
    service = JOT.service(read(JOT.settings)[0], publisher)
    await service.start()
    address = service.addresses()["jot_http"]
    monkeypatch.setenv("TAILRACE_JOT_HTTP", address)
    found = await answer()
    assert (found.state, f"https://{address}" in found.says, "hush" in found.says) == ("ok", True, False)
    await service.stop()
