"""A worker of stage 2 alone, as a process that a test may kill: `python -m tests.integration.stage2.worker` with TAILRACE_* settings."""

import asyncio
import logging
import sys

from pipeline.agents.rules_watch import RulesWatch
from pipeline.agents.run import WorkerDeps, build_worker, run_worker
from pipeline.app import stage_two
from pipeline.flow import families
from pipeline.kafka.view import KafkaView
from pipeline.model.outcome import Outcome
from pipeline.settings import load
from pipeline.sinks.clickhouse.sink import ClickHouse
from schemas.topics import SPANS, WINDOWS


def main() -> None:
    """One worker until SIGTERM."""
    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(process)d %(name)s %(message)s")
    settings, _ = load()

    async def run() -> int:
        store, view = ClickHouse(settings), KafkaView(settings.kafka_bootstrap, [SPANS])

        async def close() -> None:
            await view.close()
            await store.close()

        rules = RulesWatch(settings.rules, families())
        pipelines = {WINDOWS: stage_two(settings, store, view, rules).pipeline}
        parts = WorkerDeps({}, store, lambda letters: Outcome(), close, store.check, pipelines, rules=rules)
        return await run_worker(build_worker(settings, parts))

    raise SystemExit(asyncio.run(run()))


if __name__ == "__main__":
    main()
