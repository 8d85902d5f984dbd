"""`Finding`: what a detector says of one subject at one time. An alert is a finding that people are told about.

Promises: plain values only, so that it can be stored as JSON. Does not decide whom to tell.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement: `active` says whether the condition holds now."""

    rule: str
    labels: dict[str, str]
    """Identity: equal labels are the same alert."""
    annotations: dict[str, str]
    severity: str
    active: bool
    value: float
    threshold: float
    at_ms: int
    """Event time: end of the window that was judged."""
    evidence: dict[str, str | float] = field(default_factory=dict)
