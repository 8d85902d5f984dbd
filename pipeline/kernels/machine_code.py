"""Where compiled kernels are kept: a folder whose name is made of all sources that they were compiled from.

numba looks at a kernel's own file alone, but folds in what that file imports: after an upgrade it would run machine
code of the old helpers. Promises: other sources, another folder. Does not delete old folders.
"""

import hashlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent
_IMPORT = re.compile(rb"^from pipeline\.kernels\.([\w.]+) import", re.MULTILINE)


def folder(path: Path, given: str = "") -> Path:
    """For the kernels in this file.

    Below the folder that the user gave, else beside the sources, else (read-only) in the user's cache.
    """
    name = f"kernels-{digest(path, ROOT)}"
    beside = (Path(given) if given else path.parent / "__pycache__") / name
    try:
        beside.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path.home() / ".cache" / "tailrace" / name
    return beside


def digest(path: Path, root: Path) -> str:
    """16 hex digits of this source and of all kernel sources below it."""
    together = hashlib.sha256()
    for source in sorted(sources(path, root)):
        together.update(b"%s\0%s\0" % (str(source.relative_to(root)).encode(), source.read_bytes()))
    return together.hexdigest()[:16]


@cache
def sources(path: Path, root: Path) -> frozenset[Path]:
    """The file itself, and what it imports of the kernels, however far down."""
    found = {path}
    for name in _IMPORT.findall(path.read_bytes()):
        module = root.joinpath(*name.decode().split("."))
        for file in sorted(module.glob("*.py")) if module.is_dir() else [module.with_suffix(".py")]:
            found |= sources(file, root)
    return frozenset(found)
