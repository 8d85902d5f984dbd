"""What a set of rules is, in few words: where each came from, the names, and a digest that tells two sets apart.

Promises: equal digests mean equal rules, whatever files and order they were written in. Reads no file, judges nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.alerting.rules import Rule

DEFAULTS_NAME = "the shipped defaults"


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules that are judged by."""

    rules: tuple[Rule, ...]
    sources: Mapping[str, str]
    """Rule → the file that it came from, or `DEFAULTS_NAME`."""
    disabled: tuple[str, ...] = ()
    """Shipped rules that a file takes out, sorted."""
    overridden: tuple[str, ...] = ()
    """Shipped rules whose place a file's rule takes, sorted."""


def describe(found: RuleSet) -> dict[str, object]:
    """For /status and `tailrace status`, fit for JSON."""
    by_name = {rule.name: rule.model_dump(mode="json") for rule in found.rules}
    text = json.dumps(by_name, sort_keys=True)
    origins = sorted(set(found.sources.values()), key=lambda one: (one != DEFAULTS_NAME, one))
    return {
        "from": " and ".join(origins) or "nowhere",
        "names": sorted(by_name),
        "files": dict(sorted(found.sources.items())),
        "disabled": list(found.disabled),
        "overridden": list(found.overridden),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
