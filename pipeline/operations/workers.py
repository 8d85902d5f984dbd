"""What the workers of this machine say of themselves, for `doctor` and `status`.

Asked over their own HTTP, changed in nothing.

Promises: an answer for each address within a few seconds, whatever is there. Does not know what a state means.
"""

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.errors import Misconfigured
from pipeline.operations.running import running_here
from pipeline.settings import Settings

TIMEOUT_S = 5.0
SKIP_S = 90.0
MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One worker's /status, or /ready where it tells no more. `status`: ready, waiting, halted, or gone (no answer)."""

    address: str
    status: str
    halted: Mapping[str, str] = field(default_factory=dict)
    """Topic/partition → reason and cure."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """The whole answer."""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer over HTTP. `status` 0: there was none."""

    status: int
    text: str = ""


def fetch(url: str, *, certificate: Path | None = None) -> Told:
    """One of our own addresses, asked once; whatever is there, an answer within a few seconds. With TLS it must show this certificate."""
    try:
        trust = None if certificate is None else _trust(certificate)
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=trust) as answer:  # noqa: S310 - our own http address
            return Told(answer.status, answer.read(MAX_BYTES).decode(errors="replace"))
    except urllib.error.HTTPError as error:
        with error:
            return Told(error.code, error.read(MAX_BYTES).decode(errors="replace"))
    except (OSError, ValueError, http.client.HTTPException):
        return Told(0)


def _trust(certificate: Path) -> ssl.SSLContext:
    """Of this certificate alone, whoever signed it and whatever name it is for: we may ask by another address than clients do."""
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def ask(addresses: Sequence[str]) -> list[WorkerState]:
    """All at once, in the order of the addresses (`http://host:port`)."""
    if not addresses:
        return []
    with ThreadPoolExecutor(len(addresses)) as threads:
        return list(threads.map(_ask, addresses))


def skip(address: str, topic: str, partition: int) -> str:
    """Ask a worker to pass over the range of its halted partition; what it kept. Misconfigured with the worker's word."""
    query = urllib.parse.urlencode({"topic": topic, "partition": partition})
    request = urllib.request.Request(f"{address}/intents/skip?{query}", method="POST")  # noqa: S310 - our own http address
    try:
        with urllib.request.urlopen(request, timeout=SKIP_S) as answer:  # noqa: S310 - as above
            return str(json.load(answer)["skipped"])
    except urllib.error.HTTPError as error:
        with error:
            said = _json_of(error)
        why = said.get("error", said) if isinstance(said, dict) else f"status {error.code}"
        raise Misconfigured(
            f"the worker at {address} did not skip: {why}", "See its log and `tailrace doctor`"
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise Misconfigured(
            f"the worker at {address} gave no answer: {error}", "See its log and `tailrace doctor`"
        ) from None


def addresses_of(settings: Settings, near: Mapping[str, Any] | None = None) -> list[str]:
    """Workers that are known here.

    Those of the `up` that runs in the data folder, else the one that TAILRACE_WORKER_HTTP names.
    """
    of_up: list[str] = (running_here(settings.data_dir) if near is None else near).get("worker_http") or []
    if not of_up and not settings.worker_http.endswith(":0"):
        return [f"http://{settings.worker_http}"]
    return of_up


def _ask(address: str) -> WorkerState:
    said = _get(f"{address}/status")
    if isinstance(said, dict) and "status" not in said:  # another machine's, or an older one: it tells its state alone
        said = _get(f"{address}/ready")
    if not isinstance(said, dict):
        return WorkerState(address, "gone")
    halted = said.get("halted") or {}
    told = {where: _words(why) for where, why in halted.items()} if isinstance(halted, dict) else {}
    return WorkerState(address, str(said.get("status", "gone")), told, said)


def _get(url: str) -> object:
    """The answer's JSON whatever its status (503 is an answer, too); {} where it is none, None where nobody answers."""
    told = fetch(url)
    if not told.status:
        return None
    try:
        return json.loads(told.text) or {}
    except ValueError:
        return {}


def _json_of(answer: urllib.error.HTTPError) -> object:
    try:
        return json.load(answer)
    except (OSError, ValueError):
        return None


def _words(why: object) -> str:
    return ". ".join(str(part) for part in why.values()) if isinstance(why, dict) else str(why)
