"""`tailrace worker`: one worker of the consumer group."""

import typer

from pipeline.cli.examples import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "worker",
        epilog=examples(
            "tailrace topics && tailrace migrate && tailrace worker",
            "TAILRACE_WORKER_HTTP=127.0.0.1:9464 tailrace worker      then: curl 127.0.0.1:9464/metrics",
            "TAILRACE_STORE_SPANS=0 tailrace worker                   windows and alerts only, no raw rows",
        ),
    )(worker)


def worker(
    wait: bool = typer.Option(False, "--wait", help="wait for topics and tables that are still to be made"),
) -> None:
    """Run one worker against the Kafka and ClickHouse of the settings, until SIGTERM or Ctrl-C."""
    import asyncio
    import logging
    import os
    import sys

    import uvloop

    from pipeline.agents.run import run_worker
    from pipeline.app import build
    from pipeline.malloc import keep_freed_memory
    from pipeline.rate_limit_filter import RateLimitFilter
    from pipeline.settings import load

    keep_freed_memory()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # for Faust's thread, too
    settings, _ = load()
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=settings.log_level.upper(), stream=sys.stderr, format=form)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RateLimitFilter())
    for noisy in ("faust", "mode", "aiokafka"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))

    async def run() -> int:
        return await run_worker(build(settings, patient=wait))

    code = asyncio.run(run())
    logging.shutdown()
    os._exit(code)  # a thread that still works on an unfinished range must not hold the end up: the range is on record
