"""The command `tailrace`: each command in a module of its own, which imports what it needs only when it runs.

Promises: errors that we understand end with their cure and exit code 2, never a traceback.
"""

import errno
import importlib
import logging
import os
import sys

import typer

from pipeline.errors import NotNow, TailraceError
from pipeline.settings.known import unknown

COMMANDS = (
    "demo", "up", "top", "status", "alerts", "rules", "routes", "worker", "collect", "embedded",
    "migrate", "topics", "data", "doctor", "dead_letters", "intents", "flow",
)  # fmt: skip
"""Modules of this package, in the order of `--help`. Each has `register(app: typer.Typer) -> None`."""

HELP = """Streaming analytics for application performance: OTLP on Kafka to exact percentiles, windows and alerts in ClickHouse.

Start with `tailrace demo` (everything on this machine, live), then `tailrace up`. `tailrace COMMAND --help` shows examples;
settings are TAILRACE_... in the environment or tailrace.toml, and `tailrace doctor` says what they are and what is wrong.

Exit codes: 0 all well, 1 something was found that is not as it should be, 2 a setting, an option or a server is wrong (said on stderr)."""

LIBRARIES = ("aiokafka", "clickhouse_connect", "urllib3")
"""What they would log of errors is said by us, with the cure. A command that sets logging up (`worker`) still hears them."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""A disk that takes nothing more ends a command with a word, wherever it was met."""


def build() -> typer.Typer:
    """The whole command tree."""
    app = typer.Typer(
        help=HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None
    )
    app.callback()(_tailrace)
    for name in COMMANDS:
        importlib.import_module(f"pipeline.cli.{name}").register(app)
    return app


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version
        from platform import python_version

        typer.echo(f"tailrace {version('tailrace')} (Python {python_version()})")
        raise typer.Exit


def _tailrace(
    _: bool = typer.Option(False, "--version", help="Say the version and end.", callback=_version, is_eager=True),
) -> None:
    pass


def main() -> None:
    """Run the command line; the entry point `tailrace`."""
    for library in LIBRARIES:
        logging.getLogger(library).addHandler(logging.NullHandler())
    for line in unknown(os.environ):
        print(f"tailrace: {line}", file=sys.stderr)
    try:
        build()()
    except TailraceError as error:
        hint = ". `tailrace doctor` says what is wrong there, and the cure" if isinstance(error, NotNow) else ""
        print(f"tailrace: {error}{hint}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        where = f" ({error.filename})" if error.filename else ""
        print(f"tailrace: {error.strerror}{where}. Make room there, or name another folder", file=sys.stderr)
        raise SystemExit(2) from None
