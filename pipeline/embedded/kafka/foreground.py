"""Runs the server in the foreground: jars, folder, start, readiness, and an end without remains.

Promises: says it is ready only when topics can be listed; SIGTERM and SIGINT stop Kafka cleanly; when this process is
killed, Java is killed by the kernel. Does not restart what dies: that is the supervisor's work.
"""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from pathlib import Path

from pipeline.disk import check_room
from pipeline.embedded.kafka import jars
from pipeline.embedded.kafka.server import KafkaFailedError, Server
from pipeline.embedded.lifeline import FolderLock, child_setup, claim_port, free_port
from pipeline.kafka.wire import MetadataError, metadata

STOP_TIMEOUT_S = 20.0


def serve(data_dir: Path, port: int, *, as_json: bool) -> int:
    """Run until a signal or Kafka's own end; the exit code. Misconfigured for what the user can cure."""
    home = data_dir.resolve()
    os.umask(0o077)
    check_room(home)
    lock = FolderLock(home)
    try:
        claimed = claim_port(port, what="Kafka")
        pinned = jars.ensure(jars.default_cache(), jars.read_lock())
        server = Server(home, claimed, free_port(), tuple(pinned))
        server.write_files()
        server.format_storage()
        return asyncio.run(_run(server, lock, as_json=as_json))
    finally:
        lock.release()


async def _run(server: Server, lock: FolderLock, *, as_json: bool) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with (server.logs / "java.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *server.command(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=child_setup(),
            pass_fds=(lock.fd,),
            start_new_session=True,  # Ctrl-C reaches us alone; we then stop Java in order
        )
    server.pid_file.write_text(f"{process.pid}\n")
    try:
        return await _watch(server, process, stop, lock, as_json=as_json)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        server.pid_file.unlink(missing_ok=True)


async def _watch(server: Server, process: Process, stop: asyncio.Event, lock: FolderLock, *, as_json: bool) -> int:
    ended = asyncio.create_task(process.wait())
    stopped = asyncio.create_task(stop.wait())
    gone = asyncio.create_task(lock.until_gone())
    ready = asyncio.create_task(_ready(server))
    try:
        await asyncio.wait((ended, stopped, gone, ready), return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            _announce(server, as_json=as_json)
            await asyncio.wait((ended, stopped, gone), return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise KafkaFailedError(f"The folder {server.home} is gone while Kafka ran on it; ended at once")
        if ended.done():
            raise KafkaFailedError(f"Kafka ended by itself, exit code {process.returncode}:\n{server.last_words()}")
        process.terminate()
        await asyncio.wait((ended,), timeout=STOP_TIMEOUT_S)
        return 0
    finally:
        for task in (ended, stopped, gone, ready):
            task.cancel()


async def _ready(server: Server) -> None:
    """Until topics can be listed: an open port alone is not yet a broker."""
    while True:
        try:
            if (await metadata(server.address, timeout_s=1.0)).brokers:
                return
        except MetadataError:
            pass
        await asyncio.sleep(0.05)


def _announce(server: Server, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"kafka": server.address}), flush=True)
    else:
        print(
            f"Kafka is ready at {server.address}; data in {server.home}, log in {server.logs}. Ctrl-C stops it.",
            flush=True,
        )
