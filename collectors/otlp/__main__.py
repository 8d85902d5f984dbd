"""`python -m collectors.otlp`: the receiver on its own."""

import argparse
import sys

from pydantic import ValidationError

from collectors.otlp.config import OtlpSettings
from collectors.otlp.service import run


def main() -> None:
    """Read the settings, serve, and explain a wrong setting in a line."""
    parser = argparse.ArgumentParser(
        prog="python -m collectors.otlp", description="OTLP receiver; settings from TAILRACE_*"
    )
    parser.add_argument("--json", action="store_true", help="once ready, print the addresses as one line of JSON")
    arguments = parser.parse_args()
    try:
        settings = OtlpSettings()
    except ValidationError as error:
        for fault in error.errors():
            print("tailrace otlp: " + ".".join(map(str, fault["loc"])) + f" {fault['msg']}", file=sys.stderr)
        raise SystemExit(2) from None
    run(settings, json_line=arguments.json)


if __name__ == "__main__":
    main()
