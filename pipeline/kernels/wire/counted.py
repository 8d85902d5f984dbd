"""What a scan counts besides rows: the places of the counters, and how many there are."""

(
    CLAMPED_ENDS,
    CLAMPED_STARTS,
    MENDED_STARTS,
    CLAMPED_WEIGHTS,
    DROPPED,
    CUT_NAMES,
    REFERENCES,
    DUPLICATES,
) = range(8)
COUNTED = 8
