"""What a set of rules is, in few words: where it came from, the names, and a digest that tells two sets apart.

Promises: equal digests mean equal rules, whatever files and order they were written in. Reads no file, judges nothing.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from pipeline.alerting.rules import Rule

DEFAULTS_NAME = "the shipped defaults"


def describe(rules: Iterable[Rule], source: Path | None) -> dict[str, object]:
    """For /status and `tailrace status`, fit for JSON. `source`: the setting's folder, None for the shipped defaults."""
    by_name = {rule.name: rule.model_dump(mode="json") for rule in rules}
    text = json.dumps(by_name, sort_keys=True)
    return {
        "from": str(source) if source else DEFAULTS_NAME,
        "names": sorted(by_name),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
