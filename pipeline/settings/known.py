"""All names of settings, whichever program reads them.

For telling a misspelt one, which would else be ignored in silence.

Promises: a word and the nearest name; values are never shown, for nobody knows what a misspelt one holds. In the
environment that is all (what an older version or another tool left behind does no harm); in the file it is an error.
"""

import difflib
import importlib
from collections.abc import Iterable

from pipeline.settings.base import PREFIX, Section

BESIDE = frozenset({"CONFIG", "CACHE_DIR", "CLICKHOUSE_INSECURE"})
"""Of the environment alone: what is read elsewhere."""
OURS = ("TEST_", "EMBEDDED_")
"""Beginnings of names that our own tests and processes set."""
PROGRAMS = (("pipeline.settings", "models"), ("collectors.registry", "settings_models"))
"""Module and function that gives the models of some programs.

By name: settings are below both, and must not need them to be read.
"""


def models() -> list[type[Section]]:
    """The settings of all programs; loads the collectors' registry, so only where somebody asks for all."""
    return [model for module, ask in PROGRAMS for model in getattr(importlib.import_module(module), ask)()]


def names() -> set[str]:
    """Every name that a file may hold, in lower case."""
    return {name for model in models() for name in model.model_fields}


def unknown(environment: Iterable[str], own: Iterable[str] = ()) -> list[str]:
    """A line for each name of the environment that looks like a setting and is none.

    `own` are the asker's, registered or not.
    """
    asked = sorted(name for name in environment if name.upper().startswith(PREFIX))
    known = (
        {PREFIX + name.upper() for name in {*names(), *own}} | {PREFIX + name for name in BESIDE} if asked else set()
    )
    return [
        f"{name} is no setting. {advice(name, known)}"
        for name in asked
        if name not in known and not name.removeprefix(PREFIX).startswith(OURS)
    ]


def advice(name: str, known: Iterable[str]) -> str:
    """What to do about a name that isn't known."""
    bare = sorted({one.upper().removeprefix(PREFIX) for one in known})  # alike beginnings would make all names alike
    near = difflib.get_close_matches(name.upper().removeprefix(PREFIX), bare, 1)
    return f"Did you mean {PREFIX}{near[0]}?" if near else "See docs/settings.md"
