"""Partials that claim to be of the future: anybody may write to `tailrace.windows`, and any time into a record.

Promises: no watermark goes ahead of the broker's clock, and no window opens further ahead than stage 1 lets an item's
time lie (it clamps at `future_limit_s`; `SLACK_S` is for brokers whose clocks differ): such a window would hold the
commit's offset until its time comes. The same record, appended at the same time, gives the same partials whenever it is
read. Does not count and does not log.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipeline.model.window_partials import WindowPartials

SLACK_S = 60


def not_ahead(
    partials: WindowPartials, appended_ms: int, now_ms: int, future_limit_s: int
) -> tuple[WindowPartials, int]:
    """The partials without what lies too far ahead, and how much (`family.count`) that was.

    `appended_ms`: when the broker appended the record; `now_ms`: the broker's time now, which is no earlier.
    """
    source, rows = partials.source, partials.rows
    if source.broker_time_max_ms > now_ms:
        least = min(source.broker_time_min_ms, now_ms)
        partials = replace(partials, source=replace(source, broker_time_min_ms=least, broker_time_max_ms=now_ms))
    ahead = np.greater(rows.column("window_start_s").to_numpy(), appended_ms // 1000 + future_limit_s + SLACK_S)
    if not ahead.any():
        return partials, 0
    count = int(rows.column(partials.family.count).to_numpy()[ahead].sum())
    return replace(partials, rows=rows.filter(pa.array(~ahead))), count
