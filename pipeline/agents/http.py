"""A worker's own doors: /metrics, /live (the loop answers), /ready (a member of the group, positions known, none halted), and two for this machine.

Those are /status (version, settings without secrets, rules in force, lag) and POST /intents/skip.

Promises: loopback unless told otherwise, and guarded against pages of other origins (pipeline/http_guard.py). Knows the
harness by a few questions.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from pipeline.errors import Misconfigured
from pipeline.http_guard import demand_locked, guard, is_loopback, server_log

log = logging.getLogger(__name__)

Skip = Callable[[str, int], Awaitable[str]]
"""(topic, partition) of a halted one → what was kept. Misconfigured; TimeoutError."""


async def open_doors(
    address: str,
    insecure: bool,
    metrics: Callable[[], bytes],
    ready: Callable[[], bool],
    halted: Callable[[], Mapping[str, str]] = dict,
    skip: Skip | None = None,
    garbage: Callable[[], Mapping[str, float]] = dict,
    about: Callable[[], Mapping[str, object]] = dict,
) -> web.AppRunner:
    """Serve; the runner is to be cleaned up.

    Misconfigured: an address beyond loopback without being told that it is meant.
    """
    host = address.rpartition(":")[0]
    demand_locked("TAILRACE_WORKER_HTTP", address, insecure_setting="TAILRACE_WORKER_HTTP_INSECURE", insecure=insecure)

    async def on_metrics(_: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def on_live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    def state() -> dict[str, object]:
        if reasons := halted():
            return {"status": "halted", "halted": dict(reasons)}
        told: dict[str, object] = {"status": "ready" if ready() else "waiting"}
        if shares := garbage():
            told["dead_letter_share"] = dict(shares)
        return told

    async def on_ready(_: web.Request) -> web.Response:
        told = state()
        return web.json_response(told, status=200 if told["status"] == "ready" else 503)

    async def on_status(request: web.Request) -> web.Response:
        if not is_loopback(request.remote or ""):
            return web.json_response({"error": "only this machine may ask for that"}, status=403)
        return web.json_response({**state(), **about()})

    async def on_skip(request: web.Request) -> web.Response:
        if skip is None or not is_loopback(request.remote or ""):
            return web.json_response({"error": "only this machine may ask for that"}, status=403)
        return await _skipped(skip, request)

    app = web.Application(middlewares=[guard(host)])
    app.add_routes([web.post("/intents/skip", on_skip), web.get("/status", on_status)])
    app.add_routes([web.get("/metrics", on_metrics), web.get("/live", on_live), web.get("/ready", on_ready)])
    return await _serving(app, address)


async def _skipped(skip: Skip, request: web.Request) -> web.Response:
    try:
        told = await skip(request.query["topic"], int(request.query["partition"]))
    except (KeyError, ValueError):
        return web.json_response({"error": "say ?topic=T&partition=N"}, status=400)
    except Misconfigured as error:
        return web.json_response({"error": str(error)}, status=409)
    except (TimeoutError, asyncio.CancelledError):
        return web.json_response({"error": "it was not done in time: see /ready, and ask again"}, status=504)
    return web.json_response({"skipped": told})


async def _serving(app: web.Application, address: str) -> web.AppRunner:
    host, _, port = address.rpartition(":")
    runner = web.AppRunner(app, access_log=None, logger=server_log("pipeline.agents.http.server"))
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port)).start()
    except OSError as error:
        await runner.cleanup()
        raise Misconfigured(
            f"TAILRACE_WORKER_HTTP = {address} can't be opened: {error}", "Choose a free port, or 0 for any"
        ) from error
    return runner


def bound_to(runner: web.AppRunner) -> str:
    """host:port that it listens on."""
    host, port = runner.addresses[0][:2]
    return f"{host}:{port}"
