"""`tailrace data …`: the folder in which `tailrace up` keeps everything."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.examples import examples

DataDir = Annotated[Path | None, typer.Option(help="the folder (default: TAILRACE_DATA_DIR)")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    data = typer.Typer(help="The folder in which `tailrace up` keeps everything.", no_args_is_help=True)
    data.command(epilog=examples("tailrace data show", "tailrace data show --data-dir /var/lib/tailrace"))(show)
    data.command(epilog=examples("tailrace data remove            asks first", "tailrace data remove --yes"))(remove)
    app.add_typer(data, name="data")


def show(data_dir: DataDir = None) -> None:
    """Where the data lies, and how large it is."""
    from pipeline.operations.data import entries

    folder = _folder(data_dir)
    found = entries(folder)
    print(folder if found else f"{folder}: nothing is there")
    for entry in found:
        print(
            f"  {entry.path.name:<12} {entry.size_bytes / 1e6:>10.1f} MB{'' if entry.ours else '  (not of Tailrace)'}"
        )


def remove(data_dir: DataDir = None, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False) -> None:
    """Remove all spans, windows, topics, alerts and logs of this folder. It can't be undone; nothing may run on it."""
    from pipeline.embedded.lifeline import FolderLock
    from pipeline.errors import Misconfigured
    from pipeline.operations.data import entries
    from pipeline.operations.data import remove as remove_all

    folder = _folder(data_dir)
    show(folder)
    if not entries(folder):
        return
    if not yes:
        if not sys.stdin.isatty():
            raise Misconfigured("nobody is there to ask", "Say --yes, if all of it is to go")
        typer.confirm("Remove all of it for good?", abort=True)
    left = remove_all(folder, lambda path: FolderLock(path, patience_s=0).release)
    print(f"Removed.{'' if not left else ' Not of Tailrace, and left: ' + ', '.join(path.name for path in left)}")


def _folder(data_dir: Path | None) -> Path:
    from pipeline.settings import load

    settings, _ = load(data_dir=data_dir)
    return settings.data_dir.resolve()
