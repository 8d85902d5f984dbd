"""What a running `tailrace up` says of itself: the addresses in its data folder. Reads one small file; asks nobody."""

import json
from pathlib import Path
from typing import Any

ADDRESSES = "up.json"
"""In the data folder while all is ready: the line of `tailrace up --json`."""


def running_here(data_dir: Path) -> dict[str, Any]:
    """Its addresses; nothing where none runs."""
    try:
        said = json.loads((data_dir / ADDRESSES).read_text())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
