"""A topic and a family of their own are exact in every table while everything is being killed, and no shared file knows them."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.clock import now_ms
from pipeline.harness.testing import POINTS
from pipeline.sinks.clickhouse.connection import connect
from pipeline.sinks.clickhouse.family_sql import migration
from pipeline.sinks.clickhouse.schema import fill, split
from schemas.families.base import ROLLING_WINDOWS_S
from tests.e2e.exactness.chaos import EVENTS, Chaos
from tests.e2e.exactness.stage import PARTITIONS, Stage
from tests.support.aggregated import bucket
from tests.support.families import Thing, truth
from tests.support.kafka import create_topics
from tests.support.second_family import JOBS
from tests.support.second_route import TOPIC

PROGRAM = ("tests.support.second_route",)
ENV = {"TAILRACE_BATCH_MAX_RECORDS": "8", "TAILRACE_LATENESS_S": "8"}
STAGE_TWO_POINTS = ("W2:after", "W5:after")
"""Those that windows pass of which no rule is made."""
Rows = dict[tuple[Any, ...], dict[str, Any]]


class JobFeed:
    """Portions by seed; see `chaos.Feed`."""

    def __init__(self, stage: Stage, seed: int, portion: int) -> None:
        self._stage, self._chance, self._portion = stage, random.Random(seed), portion
        self.made: list[Thing] = []
        self.dead: Counter[int] = Counter()
        """Letters by item index."""

    def more(self) -> None:
        now_s = now_ms() // 1000
        self._stage.produce(TOPIC, [self._record(now_s) for _ in range(self._portion)])

    def fed(self) -> int:
        return len(self.made)

    def landed(self) -> int:
        return int(self._stage.ask(f"SELECT sum(jobs) FROM tailrace.{JOBS.partials_table}"))  # noqa: S608

    def _record(self, now_s: int) -> bytes:
        if self._chance.random() < 0.02:
            self.dead[-1] += 1
            return b"no jobs"
        jobs = [self._job(now_s) for _ in range(self._chance.randint(1, 12))]
        if self._chance.random() < 0.05:
            self.dead[len(jobs)] += 1
            jobs.append({"queue": "lacks the rest"})
        return json.dumps(jobs).encode()

    def _job(self, now_s: int) -> dict[str, Any]:
        chance = self._chance
        keys = {
            "region": chance.choice(("", "eu")),
            "queue": chance.choice(("mail", "büro", "print")),
            "task": f"t{chance.randint(0, 4)}",
            "outcome": chance.choice(("done", "done", "failed")),
        }
        waited_us, cost = chance.choice((0, 1, chance.randint(0, 10**7))), chance.randint(0, 1 << 20) / 65536
        at_s = now_s - chance.randint(0, 1)
        sums = {"waited_us": waited_us, "jobs": 1, "cost": cost, "waited_us_max": waited_us}
        self.made.append(Thing(at_s // 10 * 10, keys, sums, {bucket(waited_us): 1.0}))
        return {**keys, "waited_us": waited_us, "cost": cost, "at_s": at_s}


@pytest.mark.timeout(1800)
def test_jobs_are_exact_in_every_table_whatever_is_killed(
    tmp_path: Path, exactness_minutes: float, exactness_seed: int
) -> None:
    with Stage(tmp_path, program=PROGRAM, worker_env=ENV) as stage:
        stage.install()
        install_jobs(stage)
        feed = JobFeed(stage, exactness_seed, portion=60)
        chaos = Chaos(stage, TOPIC, exactness_seed, feed, points=(*POINTS, *STAGE_TWO_POINTS))
        chaos.run(exactness_minutes * 60)
        print(f"seed {exactness_seed}: {dict(chaos.counts)}; {chaos.left} of {feed.fed()} jobs left when calm began")
        stage.wait(lambda: feed.landed() >= feed.fed(), 60, sign=feed.landed)
        stage.wait(lambda: closed(stage) >= feed.fed(), 90, sign=lambda: closed(stage))
        stage.stop_workers()
        assert partials(stage) == expected_partials(feed.made)
        assert dead_letters(stage) == dict(feed.dead)
        check_closed(series(stage), feed.made)
        assert chaos.left < feed.fed() / 5
        assert set(chaos.counts) == {"worker at a step", *EVENTS}


def install_jobs(stage: Stage) -> None:
    """The family's tables and its topic."""
    client = connect(stage.settings())
    for statement in split(migration(JOBS)):
        client.command(fill(statement, stage.settings()))
    client.close()
    create_topics(stage.bootstrap, TOPIC, partitions=PARTITIONS)


def closed(stage: Stage) -> int:
    """Jobs in closed windows."""
    return int(stage.ask(f"SELECT sum(jobs) FROM tailrace.{JOBS.series_table}"))  # noqa: S608


def answers(stage: Stage, sql: str) -> list[dict[str, Any]]:
    settings = " SETTINGS output_format_json_quote_64bit_integers = 0"
    return [json.loads(line) for line in stage.ask(f"{sql} FORMAT JSONEachRow{settings}").splitlines()]


def partials(stage: Stage) -> Rows:
    """The sums of `job_windows`."""
    keys = ", ".join(JOBS.partial_keys)
    sql = (
        f"SELECT toUInt32(window_start) AS w, {keys}, sum(waited_us) AS waited_us, sum(jobs) AS jobs, sum(cost) AS cost,"  # noqa: S608
        f" max(waited_us_max) AS waited_us_max, sumMap(waits) AS waits FROM tailrace.{JOBS.partials_table}"
        f" GROUP BY window_start, {keys}"
    )
    return {(row.pop("w"), *(row.pop(key) for key in JOBS.partial_keys)): sketched(row) for row in answers(stage, sql)}


def expected_partials(made: list[Thing]) -> Rows:
    """The same of what was made."""
    rows: Rows = {}
    for one in made:
        key = (one.start_s, *(one.keys[name] for name in JOBS.partial_keys))
        row = rows.setdefault(key, {"waited_us": 0, "jobs": 0, "cost": 0.0, "waited_us_max": 0, "waits": Counter()})
        for name in ("waited_us", "jobs", "cost"):
            row[name] += one.sums[name]
        row["waited_us_max"] = max(row["waited_us_max"], one.sums["waited_us_max"])
        row["waits"].update(one.sketch)
    return {key: {**row, "waits": dict(row["waits"])} for key, row in rows.items()}


def dead_letters(stage: Stage) -> dict[int, int]:
    """Letters by item index, each id once."""
    ids = "SELECT DISTINCT topic, epoch, partition, offset, item_index FROM tailrace.dead_letters"
    sql = f"SELECT item_index AS at, toUInt32(count()) AS n FROM ({ids}) WHERE topic = '{TOPIC}' GROUP BY at"  # noqa: S608
    return {row["at"]: row["n"] for row in answers(stage, sql)}


def series(stage: Stage) -> Rows:
    """All closed windows. A row that is there twice, or incomplete, is an AssertionError."""
    figures = [f"{figure.name}_{name}" for figure in JOBS.figures for name in ROLLING_WINDOWS_S]
    names = ", ".join([*JOBS.keys, "incomplete", *(one.name for one in JOBS.series_sums), "waits", *figures])
    found: Rows = {}
    for row in answers(stage, f"SELECT toUInt32(window_start) AS w, {names} FROM tailrace.{JOBS.series_table}"):  # noqa: S608
        key = (row.pop("w"), *(row.pop(name) for name in JOBS.keys))
        assert key not in found, f"{key} was closed twice"
        assert not row.pop("incomplete"), f"{key} is incomplete"
        found[key] = sketched({name: math.nan if value is None else value for name, value in row.items()})
    return found


def sketched(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "waits": {int(place): count for place, count in row["waits"].items()}}


def check_closed(found: Rows, made: list[Thing]) -> None:
    """Each closed window's sums and rolling figures equal the truth, and none is missing that held anything."""
    for start_s in {key[0] for key in found} | {one.start_s for one in made}:
        expected = {
            tuple(row[key] for key in ("window_start_s", *JOBS.keys)): row for row in truth(JOBS, made, start_s)
        }
        assert {key for key in found if key[0] == start_s} == expected.keys()
        for key, row in expected.items():
            got = found[key]
            assert got["waits"] == dict(row["waits"]), key
            numbers = {name: value for name, value in row.items() if name in got and name != "waits"}
            assert {name: got[name] for name in numbers} == pytest.approx(numbers, rel=1e-9, nan_ok=True), key
