"""A full disk, a real one: nothing is taken in while there is no room, and all is taken again after."""

import asyncio
import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from collectors.http import room
from tests.support.otlp_receiver import PROTOBUF, call, post, receiver, request, stored

MIB = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(tmp_path)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


async def test_a_full_disk_is_ridden_out(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "EVERY_S", 0.0)
    body = request(["a"]).SerializeToString()
    filler = small_disk / "filler"
    caplog.set_level(logging.WARNING, "collectors.http.room")
    async with receiver(data_dir=small_disk / "data", otlp_min_free_bytes=4 * MIB) as running:
        assert (await post(running, body, PROTOBUF))[0] == 200
        await asyncio.to_thread(filler.write_bytes, bytes(13 * MIB))
        for _ in range(3):
            status, _, headers = await post(running, body, PROTOBUF)
            assert (status, headers["Retry-After"]) == (503, "1")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(running, body)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert not await running.delivery.ready()
        await asyncio.to_thread(filler.write_bytes, bytes(10 * MIB))
        assert (await post(running, body, PROTOBUF))[0] == 503, "more than the least, but not enough: no fluttering"
        filler.unlink()
        assert (await post(running, body, PROTOBUF))[0] == 200
        assert stored(running) == [body, body]
    said = [record.getMessage() for record in caplog.records if record.name == "collectors.http.room"]
    assert ["nearly full" in line for line in said] == [True, False]


async def test_nothing_is_looked_at_unless_asked(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(15 * MIB))
    async with receiver(data_dir=small_disk) as running:
        assert (await post(running, request(["a"]).SerializeToString(), PROTOBUF))[0] == 200
