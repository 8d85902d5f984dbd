"""What the workers of this machine say of themselves, for `doctor` and `status`: asked over their own HTTP, changed in nothing.

Promises: an answer for each address within a few seconds, whatever is there. Does not know what a state means.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker's /ready. `status`: ready, waiting, halted, or gone (no answer)."""

    address: str
    status: str
    halted: Mapping[str, str] = field(default_factory=dict)
    """Topic/partition → reason and cure."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """The whole answer."""


def ask(addresses: Sequence[str]) -> list[WorkerState]:
    """All at once, in the order of the addresses (`http://host:port`)."""
    if not addresses:
        return []
    with ThreadPoolExecutor(len(addresses)) as threads:
        return list(threads.map(_ask, addresses))


def _ask(address: str) -> WorkerState:
    try:
        with urllib.request.urlopen(f"{address}/ready", timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own http address
            said = json.load(answer)
    except urllib.error.HTTPError as error:  # 503 is an answer, too
        with error:
            said = _json_of(error)
    except (OSError, ValueError):
        return WorkerState(address, "gone")
    if not isinstance(said, dict):
        return WorkerState(address, "gone")
    halted = said.get("halted") or {}
    told = {where: _words(why) for where, why in halted.items()} if isinstance(halted, dict) else {}
    return WorkerState(address, str(said.get("status", "gone")), told, said)


def _json_of(answer: urllib.error.HTTPError) -> object:
    try:
        return json.load(answer)
    except (OSError, ValueError):
        return None


def _words(why: object) -> str:
    return ". ".join(str(part) for part in why.values()) if isinstance(why, dict) else str(why)
