"""The data folder as a whole: what lies in it, and its removal.

Promises: removes only what Tailrace makes there, and nothing while a process of it runs. Asks nobody: that is the
command's.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import Misconfigured

OURS = ("kafka", "clickhouse", "logs", "up.json", "passwords.json", "logins.json", "lock")
"""What `tailrace up` makes in its folder."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or folder, with all below it."""

    path: Path
    size_bytes: int
    ours: bool


def entries(folder: Path) -> list[Entry]:
    """What lies in the folder, in order of names; nothing where it is not there."""
    if not folder.is_dir():
        return []
    return [Entry(path, _size(path), path.name in OURS) for path in sorted(folder.iterdir())]


def remove(folder: Path, lock: Callable[[Path], Callable[[], None]]) -> list[Path]:
    """Remove all that is ours, and the folder if nothing else is in it; what stays, as other hands put it there.

    `lock` takes the folder for us and gives how to let go; it raises Misconfigured where somebody has it.
    Misconfigured, too, where the folder does not look like one of ours.
    """
    found = entries(folder)
    if not any(entry.path.name == "lock" for entry in found):
        raise Misconfigured(f"{folder} is no data folder of Tailrace: no lock is in it", "Name another --data-dir")
    release = lock(folder)
    try:
        for entry in found:
            if entry.ours and entry.path.name != "lock":
                _remove(entry.path)
        (folder / "lock").unlink()  # last: whoever comes now finds either the lock or an empty folder
    finally:
        release()
    left = sorted(folder.iterdir())
    if not left:
        folder.rmdir()
    return left


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _size(path: Path) -> int:
    below = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(one.lstat().st_size for one in below if not one.is_dir())
