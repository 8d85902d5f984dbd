"""`python -m pipeline.embedded.kafka --data-dir D [--port N] [--json] [--die-with-parent]`.

The server in the foreground.
"""

import argparse
import sys
from pathlib import Path

from pipeline.embedded.kafka.foreground import serve
from pipeline.embedded.lifeline import die_with_parent
from pipeline.errors import Misconfigured, TailraceError


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 stopped cleanly, 1 Kafka failed, 2 something the user can cure (the text says how)."""
    parser = argparse.ArgumentParser(
        prog="tailrace embedded kafka",
        description="Apache Kafka (KRaft, one node) in the foreground, until SIGTERM or Ctrl-C.",
        epilog="example: tailrace embedded kafka --data-dir .data/kafka --port 9092",
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="folder of this server, made if need be")
    parser.add_argument("--port", type=int, default=9092, help="port on 127.0.0.1; 0 = any free one")
    parser.add_argument("--json", action="store_true", help='once ready, print one line: {"kafka": "127.0.0.1:PORT"}')
    parser.add_argument("--die-with-parent", action="store_true", help="end at once when the starting process ends")
    options = parser.parse_args(arguments)
    if options.die_with_parent:
        die_with_parent()
    try:
        return serve(options.data_dir, options.port, as_json=options.json)
    except TailraceError as error:
        print(f"embedded kafka: {error}", file=sys.stderr)
        return 2 if isinstance(error, Misconfigured) else 1


if __name__ == "__main__":
    raise SystemExit(main())
