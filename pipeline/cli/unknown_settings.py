"""Names in the environment that look like settings and are none: a setting that is misspelt would else be ignored in silence.

Promises: a word and the nearest name, never an end: what an older version or another tool left behind does no harm.
"""

import difflib
from collections.abc import Iterable

from pipeline.settings import PREFIX, Settings

BESIDE = frozenset({"CONFIG", "CACHE_DIR", "CLICKHOUSE_INSECURE"})
"""What is read elsewhere."""
OURS = ("TEST_", "EMBEDDED_")
"""Beginnings of names that our own tests and processes set."""


def unknown(names: Iterable[str]) -> list[str]:
    """One line per such name."""
    asked = sorted(name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX))
    known = {name.upper() for name in Settings.model_fields} | BESIDE
    if any(name not in known and name.startswith("OTLP_") for name in asked):
        from collectors.otlp.config import OtlpSettings  # the receiver's own; not loaded where nobody speaks of it

        known |= {name.upper() for name in OtlpSettings.model_fields}
    return [_line(name, known) for name in asked if name not in known and not name.startswith(OURS)]


def _line(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"{PREFIX}{name} is no setting. " + (f"Did you mean {PREFIX}{near[0]}?" if near else "See docs/settings.md")
