"""A second topic, `jobs`, with its route and its family; a worker over it and over all that ships. It exists in tests only, to show what a topic costs.

A record is a JSON list of jobs: `region`, `queue`, `task`, `outcome`, `waited_us`, `cost`, `at_s`. A job that lacks anything is a dead letter of its own.
Run: `python -m tests.support.second_route` with TAILRACE_* settings.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.flow import Route, Work, dead_letters
from pipeline.flow.route import SAMPLE_MS
from pipeline.kernels.sketch.ddsketch import buckets_of
from pipeline.model.outcome import ITEMS, Outcome
from pipeline.model.records import Records
from pipeline.model.window_partials import Range, WindowPartials
from pipeline.settings import Settings
from pipeline.sinks.blocks.rows import partial_rows
from pipeline.stages import windows_topic
from schemas import topics
from schemas.columns import WINDOW_S
from schemas.dead_letter import DeadLetter
from tests.support.second_family import JOBS

TOPIC = "jobs"
NUMBERS = ("waited_us", "cost", "at_s")
Job = dict[str, Any]
SAMPLE: Job = {"region": "", "queue": "q", "task": "t", "waited_us": 5, "cost": 0.5, "at_s": SAMPLE_MS // 1000}


def work_on(settings: Settings) -> Work:
    """The work on `jobs`."""
    targets = topics.registry()[topics.WINDOWS].partitions

    def work(records: Records) -> Outcome:
        sound: list[Job] = []
        letters: list[DeadLetter] = []
        whole = 0
        for at, value in enumerate(records.values):
            try:
                jobs = list(json.loads(value))
            except (ValueError, TypeError):
                whole += 1
                letters.append(_letter(records, at, -1, value))
                continue
            good = [_is_job(job) for job in jobs]
            sound += [job for job, fine in zip(jobs, good, strict=True) if fine]
            letters += [
                _letter(records, at, nth, json.dumps([jobs[nth]]).encode()) for nth, fine in enumerate(good) if not fine
            ]
        partials = WindowPartials(_range(records), _rows(sound), JOBS)
        told = dead_letters(letters)
        return Outcome(
            blocks=(partial_rows(partials), *told.blocks),
            messages=(*windows_topic.messages(partials, targets), *told.messages),
            dead_records=whole,
            counts=Counter({ITEMS: len(sound)}) + Counter(told.counts),
            item_ends_ns=np.array([int(job["at_s"]) * 10**9 for job in sound], np.int64),
        )

    return work


def sample(settings: Settings) -> Sequence[bytes]:
    """Jobs of both outcomes, one that is none, and a record that holds none."""
    jobs = [{**SAMPLE, "outcome": "failed"}, {**SAMPLE, "outcome": "done"}, {"region": 1}]
    return json.dumps(jobs).encode(), b"no jobs"


def _is_job(job: object) -> bool:
    return (
        isinstance(job, dict)
        and all(isinstance(job.get(name), str) for name in JOBS.partial_keys)
        and all(isinstance(job.get(name), int | float) for name in NUMBERS)
    )


def _rows(jobs: Sequence[Job]) -> pa.RecordBatch:
    rows: dict[tuple[Any, ...], Job] = {}
    buckets = buckets_of(np.array([job["waited_us"] for job in jobs], np.int64)).tolist()
    for job, bucket in zip(jobs, buckets, strict=True):
        names = {key: job[key] for key in JOBS.partial_keys}
        start_s = int(job["at_s"]) // WINDOW_S * WINDOW_S
        nothing = {"waited_us": 0, "jobs": 0, "cost": 0.0, "waited_us_max": 0, "waits": Counter[int]()}
        row = rows.setdefault((start_s, *names.values()), {"window_start_s": start_s, **names, **nothing})
        row["jobs"] += 1
        row["cost"] += job["cost"]
        row["waited_us"] += job["waited_us"]
        row["waited_us_max"] = max(row["waited_us_max"], job["waited_us"])
        row["waits"][bucket] += 1.0
    made = [{**row, "waits": sorted(row["waits"].items())} for _, row in sorted(rows.items())]
    return pa.RecordBatch.from_pylist(made, schema=JOBS.partials)


def _range(records: Records) -> Range:
    times = records.timestamps_ms
    least, most = (int(times.min()), int(times.max())) if len(times) else (0, 0)
    at = records.topic, records.epoch, records.partition
    return Range(*at, records.start_offset, records.end_offset, least, most)


def _letter(records: Records, at: int, item: int, value: bytes) -> DeadLetter:
    return DeadLetter(
        topic=records.topic,
        epoch=records.epoch,
        partition=records.partition,
        offset=int(records.offsets[at]),
        item_index=item,
        stage="decode",
        reason="bad_json",
        error="no job" if item >= 0 else "no list of jobs",
        first_seen_ms=int(records.timestamps_ms[at]),
        value=value,
    )


ROUTE = Route(
    topic=TOPIC,
    item="jobs",
    stages=("decode", "sum", "partial_rows", "dead_letters"),
    row_shaping=("retain_windows_10s_h",),
    work=work_on,
    sample=sample,
    tables=(JOBS.partials_table, "dead_letters"),
    topics=(topics.WINDOWS, topics.DEAD_LETTERS),
    families=(JOBS,),
    counts=(ITEMS, "dead_letters"),
)


def main() -> None:
    """One worker until SIGTERM."""
    import asyncio
    import sys

    from pipeline.agents.run import run_worker
    from pipeline.app import build
    from pipeline.flow import ROUTES
    from pipeline.settings import load

    logging.basicConfig(level="INFO", stream=sys.stderr, format="%(asctime)s %(process)d %(name)s %(message)s")
    settings, _ = load()

    async def run() -> int:
        return await run_worker(build(settings, routes=(*ROUTES, ROUTE)))

    raise SystemExit(asyncio.run(run()))


if __name__ == "__main__":
    main()
