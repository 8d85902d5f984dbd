"""What every long benchmark's command line has: a description, and a time after which it gives up.

Promises: a benchmark ends. When its time is over it stops its children, says so and exits with 1.
"""

import argparse
import os
import signal
from types import FrameType


class OutOfTimeError(SystemExit):
    """Not an Exception, so that nothing on the way takes it for a fault that can be got over."""


def parser(description: str | None, timeout_s: int) -> argparse.ArgumentParser:
    """A parser with `--timeout`; the description is the module's docstring."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--timeout", type=int, default=timeout_s, metavar="S", help="give up after so long (%(default)s)")
    return made


def parse(made: argparse.ArgumentParser) -> argparse.Namespace:
    """The options; from here on the time runs. Says how busy the machine was before."""
    options = made.parse_args()
    limit(options.timeout)
    print(f"{os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.2f}", flush=True)
    return options


def limit(seconds: int) -> None:
    """From now on so much time is left."""
    signal.signal(signal.SIGALRM, _give_up)
    signal.alarm(seconds)


def _give_up(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTimeError("gave up: the benchmark's time is over (--timeout)")
