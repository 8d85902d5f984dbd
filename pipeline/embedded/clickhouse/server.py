"""The process: lock, repair, open, listen, say so; on a signal stop in the reverse order.

Exit code 0 after a clean stop, 2 where the folder or port is taken (the text says the cure), 75 after an insert that
failed for storage: whoever started it starts it again, which repairs the deduplication logs first.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from aiohttp import web

from pipeline.embedded.clickhouse import users
from pipeline.embedded.clickhouse.app import Gateway
from pipeline.embedded.clickhouse.engine import Engine, open_engine
from pipeline.embedded.clickhouse.options import Options, parse
from pipeline.embedded.clickhouse.repair import repair
from pipeline.embedded.clickhouse.work import Desk
from pipeline.embedded.confinement import Confinement, confine
from pipeline.embedded.lifeline import FolderLock, free_port
from pipeline.errors import Misconfigured
from pipeline.http_guard import demand_locked, server_log

log = logging.getLogger("tailrace.embedded.clickhouse")
EXIT_MISCONFIGURED = 2
EXIT_STORAGE = 75
INSECURE = "TAILRACE_CLICKHOUSE_INSECURE"
_PR_SET_PDEATHSIG = 1
_SWEEP_S = 1.0
_STOP_S = 20.0


def listening(host: str, port: int) -> socket.socket:
    """A bound socket, before anything slow happens; Misconfigured where the port is taken."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port or free_port()))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Misconfigured(
                f"port {port} on {host} is taken by another process", "Stop that process or choose another --port"
            ) from error
        raise Misconfigured(f"can't listen on {host}:{port}: {error}", "Choose another --host or --port") from error
    return bound


def stop_with_parent(stop: asyncio.Event) -> None:
    """A clean stop once the parent process is gone (its thread's end alone, which raises the same signal, is no reason)."""
    parent = os.getppid()

    def look() -> None:
        if os.getppid() != parent:
            stop.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, look)
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1, 0, 0, 0)
    look()


class Server:
    """From an open engine to a clean end."""

    def __init__(self, options: Options, bound: socket.socket, logins: dict[str, users.User], lock: FolderLock) -> None:
        self._options = options
        self._bound = bound
        self._logins = logins
        self._lock = lock
        self._exit_code = 0

    async def serve(self, engine: Engine) -> int:
        """Until a signal; the exit code."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        if self._options.die_with_parent:
            stop_with_parent(stop)

        def storage_failed(text: str) -> None:
            log.error("an insert failed for storage; ending so that the deduplication logs are repaired: %s", text)
            self._exit_code = EXIT_STORAGE
            loop.call_later(0.2, stop.set)  # the answer leaves first

        desk = Desk(engine)
        gateway = Gateway(desk, self._logins, storage_failed)
        runner = web.AppRunner(
            gateway.application(self._options.host),
            access_log=None,
            logger=server_log("pipeline.embedded.clickhouse.http"),
            handler_cancellation=True,
            auto_decompress=False,
            read_bufsize=1 << 20,
        )
        await runner.setup()
        site = web.SockSite(runner, self._bound, backlog=1024)
        await site.start()
        self._say_ready()
        sweeping = asyncio.create_task(_sweep(desk))
        watching = asyncio.create_task(self._end_when_gone())
        await stop.wait()
        watching.cancel()
        log.info("stopping")
        gateway.stopping = True
        await site.stop()
        engine.kill()
        sweeping.cancel()
        try:
            async with asyncio.timeout(_STOP_S):
                await desk.all_gone()
                desk.sessions.close()
                await runner.cleanup()
        except TimeoutError:
            log.error("queries did not end within %.0f s; ending without them", _STOP_S)
            logging.shutdown()
            os._exit(self._exit_code or 1)
        return self._exit_code

    async def _end_when_gone(self) -> None:
        """What was deleted under an open engine would still be answered from, and new rows would go nowhere."""
        await self._lock.until_gone()
        log.error("the folder %s is gone while this server ran on it; ending at once", self._options.data_dir)
        logging.shutdown()
        os._exit(1)

    def _say_ready(self) -> None:
        host, port = self._bound.getsockname()[:2]
        url = f"http://{host}:{port}"
        log.info("ready on %s, data in %s", url, self._options.data_dir)
        if self._options.json:
            print(json.dumps({"clickhouse": url}), flush=True)


async def _sweep(desk: Desk) -> None:
    while True:
        await asyncio.sleep(_SWEEP_S)
        desk.sessions.sweep()


def _confined(options: Options) -> Confinement:
    """Before the engine's threads begin.

    The engine can then open nothing but its folder, its configuration and libraries.
    """
    scratch = options.data_dir / "tmp"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ["TMPDIR"] = str(scratch.resolve())
    return confine([options.data_dir.resolve()], [Path(str(resources.files("infra")))])


def run(options: Options) -> int:
    """The whole life of the process; Misconfigured where it can't begin."""
    logins = users.load(options.users)
    demand_locked(
        "--host",
        f"{options.host}:{options.port}",
        insecure_setting=INSECURE,
        insecure=os.environ.get(INSECURE) == "1",
        locked=bool(logins) and all(user.password_sha256 for user in logins.values()),
    )
    lock = FolderLock(options.data_dir)
    bound = listening(options.host, options.port)
    if options.skip_log_repair:
        log.warning("the repair of the deduplication logs is left out (test only)")
    else:
        struck = repair(options.engine_dir)
        log.info("deduplication logs repaired: %d lines struck", struck)
    log.info("%s", _confined(options).words)
    engine = open_engine(options)
    code = asyncio.run(Server(options, bound, logins, lock).serve(engine))
    engine.close()
    lock.release()
    log.info("closed")
    return code


def main(arguments: Sequence[str] | None = None) -> int:
    """For `python -m` and the command line; prints what is wrong and its cure."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    try:
        return run(parse(arguments))
    except Misconfigured as error:
        print(f"embedded ClickHouse: {error}", file=sys.stderr)
        return EXIT_MISCONFIGURED
