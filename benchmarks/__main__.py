"""Run one benchmark, or all: `python -m benchmarks [NAME [OPTIONS]]`."""

import importlib
import sys

NAMES = ("decode", "aggregate", "rows", "worker")


def main() -> None:
    """Run what the command line names."""
    names = sys.argv[1:2] or list(NAMES)
    if names[0] not in NAMES:
        raise SystemExit(f"no benchmark {names[0]!r}; there are {', '.join(NAMES)}")
    sys.argv = sys.argv[:1] + sys.argv[2:]
    for name in names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
