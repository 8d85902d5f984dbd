"""Compiles all kernels ahead of the first worker.

`python -m pipeline.warm`, run by `make setup` and while the container image is built.

Promises: a worker of these sources compiles nothing afterwards; routes that stand alone compile side by side, a process
for each core at most; what lies compiled already costs a look. Does not say where machine code is kept: that is
`pipeline.kernels.machine_code`.
"""

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from pipeline import flow
from pipeline.app import warm_ups
from pipeline.settings import Settings, load


def alone(routes: Sequence[flow.Route]) -> tuple[int, ...]:
    """Which of the warm-ups need none of the others before them.

    The reading of fetches, and what remembers nothing of other routes.
    """
    return 0, *(number for number, route in enumerate(flow.whole(routes), 1) if not route.remembers)


def compile_ahead(settings: Settings, processes: int) -> None:
    """Side by side first, then all once more here.

    So stage 2 is compiled, and what two processes wrote over each other.
    """
    apart = alone(flow.ROUTES)
    with ProcessPoolExecutor(min(processes, len(apart)), get_context("spawn")) as pool:
        for done, future in enumerate(as_completed([pool.submit(_one, settings, number) for number in apart]), 1):
            future.result()
            _say(f"kernels: {done} of {len(apart) + 1} sets compiled")
    for warm in warm_ups(settings):
        warm()


def main() -> None:
    """Compile with the settings' defaults, which kernels do not depend on."""
    settings, _ = load({})
    begun_s = time.monotonic()
    _say("compiling kernels for this machine, once for each version of their sources")
    compile_ahead(settings, len(os.sched_getaffinity(0)))
    _say(f"kernels compiled in {time.monotonic() - begun_s:.0f} s")


def _one(settings: Settings, number: int) -> None:
    warm_ups(settings)[number]()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
