"""What a collector has taken and refused since its start, from its own /metrics. Pure: text in, counts out.

Promises: text that is no metrics is no count, not an error.
"""

from __future__ import annotations

import re
from collections import Counter

REQUESTS = re.compile(r"tailrace_\w+_requests_total")
"""Of whichever collector (collectors/http/metrics.py); one process is one."""
TAKEN = "accepted"


def requests_by_outcome(text: str) -> dict[str, int]:
    """Outcome → requests, of all its endpoints."""
    from prometheus_client.parser import text_string_to_metric_families

    found: Counter[str] = Counter()
    try:
        samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    except ValueError:
        return {}
    for sample in samples:
        if REQUESTS.fullmatch(sample.name):
            found[sample.labels.get("outcome", "")] += int(sample.value)
    return dict(found)


def words(outcomes: dict[str, int]) -> str:
    """For people."""
    refused = [
        f"{count} {kind.replace('_', ' ')}" for kind, count in sorted(outcomes.items()) if kind != TAKEN and count
    ]
    told = f"{outcomes.get(TAKEN, 0)} requests taken since its start"
    return f"{told}, refused: {', '.join(refused)}" if refused else f"{told}, none refused"
