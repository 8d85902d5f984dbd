"""Rules of log records: when it happened.

Promises: changes only the record's slots and counters; the time is within bounds when `check` gives 0.
"""

import numpy as np

from pipeline.kernels.jit import Int, folded
from pipeline.kernels.wire.codes import TOO_OLD
from pipeline.kernels.wire.counted import CLAMPED_ENDS, MENDED_STARTS
from pipeline.kernels.wire.fields import U8
from pipeline.kernels.wire.leaves.log_record_columns import OBSERVED_NS, TIME_NS
from pipeline.kernels.wire.walk import Walk


@folded
def check(b: U8, walk: Walk) -> Int:
    """Apply the rules of time to TIME and OBSERVED in place; 0 or a code. A time beyond 2^63 ns reads as negative here.

    A record that says no time happened when it was observed, and where it does not say that either, when Kafka has it
    (the data model: use the first of them that is present). One that was not observed is observed when Kafka has it.
    What is ahead is put back to the limit; what happened before the horizon is too old.
    """
    f = walk.f
    observed, time = f[OBSERVED_NS], f[TIME_NS]
    if time == 0:
        time = observed if observed != 0 else walk.now_ns
        walk.counted[MENDED_STARTS] += 1
    if observed == 0:
        observed = walk.now_ns
    if time < 0 or time > walk.limit_ns:
        time = walk.limit_ns
        walk.counted[CLAMPED_ENDS] += 1
    if observed < 0 or observed > walk.limit_ns:
        observed = walk.limit_ns
    if time < walk.horizon_ns:
        return np.int64(TOO_OLD)
    f[TIME_NS] = time
    f[OBSERVED_NS] = observed
    return np.int64(0)
