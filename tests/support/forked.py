"""Workers by fork: one process that has imported and compiled all that a worker needs, and forks a worker whenever a test asks for one.

A start costs some hundredths of a second instead of seconds, so deaths come as dense as the session time-out lets them. What runs is the same
program with the same arguments and environment. Promises: nothing of it outlives the process that made it. Linux only, as the servers are.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NoReturn

from pipeline.embedded.lifeline import die_with_parent


class Forker:
    """`fork(program, env, log)` gives a `Forked`; `close` ends all that still run. Made from the main thread."""

    def __init__(self, hash_seed: int) -> None:
        env = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env
        )
        self._one_at_a_time = threading.Lock()

    def fork(self, program: Sequence[str], env: Mapping[str, str], log: Path) -> Forked:
        """Start `python -m <program>` with this environment; what it writes goes to the end of `log`."""
        log.touch()
        asked = {"program": list(program), "env": dict(env), "log": str(log)}
        return Forked(self, int(self.ask(asked) or 0))

    def ask(self, question: Mapping[str, object]) -> int | None:
        """One line of JSON there, one back."""
        with self._one_at_a_time:
            there, back = self._process.stdin, self._process.stdout
            assert there is not None
            assert back is not None
            there.write(json.dumps(question).encode() + b"\n")
            there.flush()
            line = back.readline()
        if not line:
            raise RuntimeError(
                "no worker can be forked: the process that should do it has ended; its error stands on stderr"
            )
        answer: int | None = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process, and with it every worker."""
        self._process.kill()
        self._process.communicate()


class Forked:
    """A worker; as much of `subprocess.Popen` as tests need."""

    def __init__(self, forker: Forker, pid: int) -> None:
        self._forker, self.pid = forker, pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or minus the signal; None while it runs."""
        if self.returncode is None:
            self.returncode = self._forker.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float = 30.0) -> int:
        """As `poll`, once it has ended. TimeoutError."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"worker {self.pid} still runs")
            time.sleep(0.01)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Harmless on what has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


@cache
def forker(number: int) -> Forker:
    """One of those that all tests share; strings hash differently in each, so that sets come in another order when one worker rebuilds another's range."""
    made = Forker(hash_seed=number + 1)
    atexit.register(made.close)
    return made


def _warm() -> None:
    """All imports and compilations of a worker."""
    for module in ("pipeline.cli.worker", "tests.support.worker"):
        importlib.import_module(module)
    from pipeline.app import warm_ups
    from pipeline.settings import load

    for warm_up in warm_ups(load({"TAILRACE_CONFIG": os.devnull})[0]):
        warm_up()


def _become(program: Sequence[str], env: Mapping[str, str], log: str) -> NoReturn:
    code = 1
    try:
        die_with_parent()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.environ.clear()
        os.environ.update(env)
        sys.argv = list(program)
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _poll(pid: int) -> int | None:
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status) if ended else None


def main() -> None:
    """Answer questions until nobody asks any more."""
    die_with_parent()
    _warm()
    for line in sys.stdin:
        asked = json.loads(line)
        if "poll" in asked:
            answer = _poll(asked["poll"])
        else:
            answer = os.fork()
            if answer == 0:
                _become(**asked)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
