"""Run benchmarks: `python -m benchmarks [NAME [OPTIONS]]`; without a name the kernels, which take seconds.

Those with servers take a minute or two each and are run by name; `python -m benchmarks NAME --help` says what they do.
"""

import importlib
import sys

from benchmarks import options

KERNEL_TIMEOUT_S = 180
KERNELS = {name: f"benchmarks.{name}" for name in ("decode", "aggregate", "rows")}
LONG = {
    "worker": "benchmarks.worker",
    "peers": "benchmarks.against_peers",
    "live": "benchmarks.live",
    "small": "benchmarks.small",
    "delay": "benchmarks.delay",
    "scale": "benchmarks.scale",
    "series": "benchmarks.series",
    "stage2": "benchmarks.stage2",
    "store": "benchmarks.store",
}


def main() -> None:
    """Run what the command line names."""
    known = KERNELS | LONG
    names = sys.argv[1:2] or list(KERNELS)
    if names[0] in ("-h", "--help"):
        raise SystemExit(f"{__doc__}\nQuick: {', '.join(KERNELS)}. Long: {', '.join(LONG)}.")
    if names[0] not in known:
        raise SystemExit(f"no benchmark {names[0]!r}; there are {', '.join(known)}")
    sys.argv = [f"python -m benchmarks {names[0]}", *sys.argv[2:]]
    for name in names:
        module = importlib.import_module(known[name])
        if name in KERNELS and {"-h", "--help"} & set(sys.argv):
            raise SystemExit(module.__doc__)
        print(f"== {name}", flush=True)
        if name in KERNELS:
            options.limit(KERNEL_TIMEOUT_S)
        module.main()


if __name__ == "__main__":
    main()
