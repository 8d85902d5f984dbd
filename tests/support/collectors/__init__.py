"""Collectors for tests of the framework, a file each: whichever is here goes through the shared life-cycle test."""

import importlib
import pkgutil
import sys

from collectors.base import Collector
from collectors.registry import REGISTERED


def everyone() -> list[tuple[Collector, list[str]]]:
    """Each registered collector and each of this folder, and the command that runs it."""
    found = [(one, [sys.executable, "-m", "pipeline", "collect", one.name, "--json"]) for one in REGISTERED]
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        collector = importlib.import_module(module.name).COLLECTOR
        found.append((collector, [sys.executable, "-m", module.name, "--json"]))
    return found
