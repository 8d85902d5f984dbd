"""The supervisor's engine, over tiny Python programs of the tests' own."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.embedded.supervisor.child import Child
from pipeline.embedded.supervisor.engine import Event, Supervisor
from pipeline.embedded.supervisor.process import Backoff, Facts, Process
from pipeline.errors import Misconfigured

QUICK = Backoff(first_s=0.01, cap_s=0.1, healthy_s=60)
STAY = "import signal; signal.pause()"
SAY_READY = 'print(\'{"at": "here"}\', flush=True)\n'


def python(name: str, code: str, **rest: object) -> Process:
    return Process(name, (sys.executable, "-c", code), backoff=QUICK, **rest)  # type: ignore[arg-type]


class Watched:
    """A running supervisor and what it told."""

    def __init__(self, steps: Sequence[Sequence[Process]], logs: Path) -> None:
        self.events: list[Event] = []
        self.news = asyncio.Event()
        self.facts: Facts | None = None
        self.stop = asyncio.Event()
        self.supervisor = Supervisor(steps, logs, self._tell)

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self.news.set()

    def on_ready(self, facts: Facts) -> None:
        self.facts = facts
        self.news.set()

    async def until(self, count: int, name: str, kind: str) -> None:
        async with asyncio.timeout(20):
            while len([e for e in self.events if (e.name, e.kind) == (name, kind)]) < count:
                self.news.clear()
                await self.news.wait()

    async def until_ready(self) -> None:
        async with asyncio.timeout(20):
            while self.facts is None:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def running(*steps: Sequence[Process], logs: Path) -> AsyncIterator[Watched]:
    watched = Watched(steps, logs)
    task = asyncio.create_task(watched.supervisor.run(watched.stop, watched.on_ready))
    try:
        yield watched
    finally:
        watched.stop.set()
        await task


@given(st.integers(1, 10_000), st.floats(0.001, 10), st.floats(10, 100))
def test_waits_grow_up_to_the_cap_and_never_shrink(failures: int, first_s: float, cap_s: float) -> None:
    backoff = Backoff(first_s, cap_s, 60)
    assert first_s <= backoff.wait_s(failures) <= backoff.wait_s(failures + 1) <= cap_s


@given(st.integers(0, 1000), st.floats(0, 1000))
def test_a_healthy_time_resets_the_back_off(failures: int, ran_s: float) -> None:
    assert Backoff(healthy_s=60).failures_after(failures, ran_s) == (1 if ran_s >= 60 else failures + 1)


async def test_a_step_starts_only_when_the_one_before_is_ready(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    first = python(
        "first",
        f"import time, pathlib; time.sleep(0.3); pathlib.Path({str(flag)!r}).touch(); {SAY_READY}{STAY}",
        says_ready=True,
    )
    second = python(
        "second", f"import pathlib; assert pathlib.Path({str(flag)!r}).exists(); {SAY_READY}{STAY}", says_ready=True
    )
    async with running([first], [second], logs=tmp_path / "logs") as watched:
        await watched.until_ready()
        assert [(e.name, e.kind) for e in watched.events] == [("first", "ready"), ("second", "ready")]
        assert watched.facts == {"at": "here"}


async def test_a_process_waits_for_nothing_but_what_it_names(tmp_path: Path) -> None:
    never = asyncio.Event()

    async def probe() -> bool:
        await never.wait()
        return True

    first = [python("slow", STAY, probe=probe), python("quick", STAY)]
    second = [python("user", STAY, after=frozenset({"quick"})), python("other", STAY)]
    async with running(first, second, logs=tmp_path) as watched:
        await watched.until(1, "user", "ready")
        assert set(watched.supervisor.pids()) == {"slow", "quick", "user"}
        never.set()
        await watched.until_ready()


async def test_words_that_a_child_said_before_we_looked_are_its_last_words(tmp_path: Path) -> None:
    async def hog() -> None:
        while True:
            time.sleep(0.15)  # noqa: ASYNC251 - the loop is held up, as on a machine under load; the child is not
            await asyncio.sleep(0)

    (tmp_path / "child.log").write_text("of an earlier run\n")
    busy = asyncio.create_task(hog())
    child = await Child.start(python("child", "import sys; sys.exit('port taken')"), tmp_path / "child.log")
    busy.cancel()
    assert await child.wait() == 1
    assert child.last_words() == "port taken"


async def test_what_dies_is_started_again_with_growing_waits(tmp_path: Path) -> None:
    async with running([python("frail", SAY_READY, says_ready=True)], logs=tmp_path) as watched:
        await watched.until(4, "frail", "ended")
    waits = [float(e.text.split(" in ")[1].split()[0]) for e in watched.events if e.kind == "ended"]
    assert waits == sorted(waits)
    assert len([e for e in watched.events if e.kind == "ready"]) >= 4


async def test_a_killed_child_comes_back_as_another_process(tmp_path: Path) -> None:
    async with running([python("server", SAY_READY + STAY, says_ready=True)], logs=tmp_path) as watched:
        await watched.until_ready()
        before = watched.supervisor.pids()["server"]
        psutil.Process(before).kill()
        await watched.until(2, "server", "ready")
        assert watched.supervisor.pids()["server"] != before


async def test_the_end_goes_in_reverse_order_and_leaves_nothing_running(tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    def noting(name: str) -> Process:
        code = (
            "import signal, sys\n"
            f"def end(*_):\n    open({str(journal)!r}, 'a').write({name + ' '!r})\n    sys.exit(0)\n"
            f"signal.signal(signal.SIGTERM, end)\n{SAY_READY}while True: signal.pause()"
        )
        return python(name, code, says_ready=True)

    async with running([noting("a")], [noting("b")], [noting("c")], logs=tmp_path / "logs") as watched:
        await watched.until_ready()
        pids = list(watched.supervisor.pids().values())
    assert journal.read_text().split() == ["c", "b", "a"]
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_child_that_ignores_the_signal_is_killed_after_its_time(tmp_path: Path) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SAY_READY}while True: signal.pause()"
    async with running([python("deaf", deaf, says_ready=True, stop_timeout_s=0.2)], logs=tmp_path) as watched:
        await watched.until_ready()
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert watched.supervisor.pids() == {}


async def test_being_in_a_hurry_kills_what_is_still_stopping(tmp_path: Path) -> None:
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SAY_READY}while True: signal.pause()"
    async with running([python("deaf", deaf, says_ready=True, stop_timeout_s=60)], logs=tmp_path) as watched:
        await watched.until_ready()
        watched.supervisor.hurry.set()
        began = time.monotonic()
    assert time.monotonic() - began < 5


async def test_a_task_that_fails_stops_the_start_and_says_why(tmp_path: Path) -> None:
    server = python("server", SAY_READY + STAY, says_ready=True)
    task = python("task", "import sys; sys.exit('the table is wrong')", once=True)
    watched = Watched([[server], [task]], tmp_path)
    with pytest.raises(Misconfigured, match=r"task ended with code 1(.|\n)*the table is wrong"):
        await watched.supervisor.run(watched.stop, watched.on_ready)
    assert watched.facts is None
    assert watched.supervisor.pids() == {}


async def test_a_misconfigured_process_is_not_tried_again(tmp_path: Path) -> None:
    server = python("server", "import sys; print('port taken', file=sys.stderr); sys.exit(2)", says_ready=True)
    watched = Watched([[server]], tmp_path)
    with pytest.raises(Misconfigured, match="port taken"):
        await watched.supervisor.run(watched.stop, watched.on_ready)
    assert watched.events == []


async def test_a_process_that_is_never_ready_is_told_with_the_time_it_had(tmp_path: Path) -> None:
    mute = python("mute", STAY, says_ready=True, ready_timeout_s=0.2, first_tries=2)
    watched = Watched([[mute]], tmp_path)
    with pytest.raises(Misconfigured, match="mute was not ready after 0 s"):
        await watched.supervisor.run(watched.stop, watched.on_ready)


async def test_a_probe_is_asked_until_it_says_yes_and_again_once_all_have_been_ready(tmp_path: Path) -> None:
    answers = iter([False, False, True, False, True])

    async def probe() -> bool:
        return next(answers)

    async with running([python("server", STAY, probe=probe)], logs=tmp_path) as watched:
        await watched.until_ready()
    assert next(answers, None) is None


async def test_all_that_a_child_writes_is_in_its_log(tmp_path: Path) -> None:
    code = SAY_READY + "import sys; print('to stdout'); print('to stderr', file=sys.stderr)"
    async with running([python("talker", code, says_ready=True)], logs=tmp_path) as watched:
        await watched.until(1, "talker", "ended")
    text = (tmp_path / "talker.log").read_text()
    assert "to stdout" in text
    assert "to stderr" in text


def test_children_die_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from pipeline.embedded.supervisor.engine import Supervisor
from pipeline.embedded.supervisor.process import Process
child = Process("child", (sys.executable, "-c", {STAY!r}))
supervisor = Supervisor([[child]], Path({str(tmp_path)!r}), lambda event: None)
asyncio.run(supervisor.run(asyncio.Event(), lambda facts: print(supervisor.pids()["child"], flush=True)))
"""
    with psutil.Popen([sys.executable, "-c", program], stdout=-1) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        assert psutil.wait_procs([child], timeout=10) == ([child], [])
