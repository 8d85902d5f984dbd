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
    detector: str = ""
    """Which kind of detector speaks."""
    family: str = ""
    series: dict[str, str] = field(default_factory=dict)
    """Keys of the family → values: what it is about. A part of the labels."""
    figure: str = ""
    """What `value` and `threshold` (the limit) are of: a column of the family's closed windows."""
    band: tuple[float, float] | None = None
    """Least and greatest value that was expected, where there is no one limit."""
    began_ms: int | None = None
    """Event time since when it holds, where the detector knows it to be before this window."""
    words: str = ""
    """The evidence, in words."""
