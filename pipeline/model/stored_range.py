"""`StoredRange`: which closed windows a store has of one partition. Plain numbers; says nothing of gaps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoredRange:
    """Starts of the first and the last window, Unix seconds, and how many rows there are from one to the other."""

    first_s: int
    last_s: int
    rows: int
