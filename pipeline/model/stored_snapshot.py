"""What one rule's detector remembered when a window had closed, as the store keeps it. Pure data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """One rule of one family in one partition of `tailrace.windows`."""

    window_end_s: int
    """End of the last window that it knows, Unix seconds."""
    partition: int
    epoch: str
    family: str
    rule: str
    rule_hash: str
    """Of all that the rule says: another rule of the same name takes nothing over."""
    version: int
    """Of the state: the detector's own."""
    state: str
