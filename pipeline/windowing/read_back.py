"""How a family of one partition is read back from the store at the beginning: the closed windows of the last hour, and a snapshot.

Promises: whole windows in order, in parts of bounded size, each question until the store answers. Does not publish.
"""

import asyncio
import logging
from functools import partial

from pipeline.harness.backoff import repeat
from pipeline.harness.services import PipelineServices
from pipeline.stages.family_windows import FamilyWindows, Step
from pipeline.stages.merge import Bookmark
from pipeline.windowing.begin import ClosedWindows, parts
from pipeline.windowing.snapshots import remembered, tell
from schemas.columns import WINDOW_S
from schemas.families.base import HISTORY_S

log = logging.getLogger(__name__)


async def read_back(
    tools: PipelineServices, store: ClosedWindows, windows: FamilyWindows, bookmark: Bookmark, log_end: int, where: str
) -> list[Step]:
    """The family's last hour; the steps are what may not have been told yet."""
    (number, epoch), family, through_s = windows.at, windows.family, bookmark.closed_through_s
    since_s = 0 if through_s is None else through_s - HISTORY_S
    loop = asyncio.get_running_loop()
    span = await repeat(lambda: store.closed_span(family, number, epoch, since_s), tools.backoff(), where)
    stored_s = None if span is None else span.last_s + WINDOW_S
    snapshots = await repeat(lambda: remembered(store, windows, through_s), tools.backoff(), where)
    restoring = windows.restoring(through_s, stored_s, log_end, bookmark, snapshots)
    steps: list[Step] = []
    for low, high, figures in parts(span, windows.judge.figures_from_s(through_s)) if span else ():
        ask = partial(store.closed_windows, family, number, epoch, low, high, figures=figures)
        rows = await repeat(ask, tools.backoff(), where)
        steps += await loop.run_in_executor(tools.executor, restoring.add, rows)
    await loop.run_in_executor(tools.executor, restoring.end)
    tell(where, restoring.refused)
    log.info("%s: %s closed through %s", where, family.name, through_s)
    return steps
