"""`python -m collectors.otlp`: the receiver on its own."""

import argparse
import os
import sys

from collectors.otlp.config import OtlpSettings
from collectors.otlp.service import run
from pipeline.errors import Misconfigured
from pipeline.settings import read
from pipeline.settings.known import unknown


def main() -> None:
    """Read the settings, serve, and explain a wrong setting in a line."""
    parser = argparse.ArgumentParser(
        prog="python -m collectors.otlp", description="OTLP receiver; settings from TAILRACE_*"
    )
    parser.add_argument("--json", action="store_true", help="once ready, print the addresses as one line of JSON")
    arguments = parser.parse_args()
    for line in unknown(os.environ):
        print(f"tailrace otlp: {line}", file=sys.stderr)
    try:
        settings, _ = read(OtlpSettings)
    except Misconfigured as error:
        print(f"tailrace otlp: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    run(settings, json_line=arguments.json)


if __name__ == "__main__":
    main()
