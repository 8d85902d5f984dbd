"""A worker's alerts about itself.

It looks at its partitions every few seconds and publishes what changed, see `pipeline.alerting.own`.

Promises: what the topic says is firing is known again after a restart or a hand-over, and is resolved by the owner of
that time; a change goes out before the next look. The history (`alert_events`) follows when the store takes it: at most
`HISTORY_MAX` changes wait. Never ends or holds up the work itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from pipeline import clock
from pipeline.alerting.own import HOLD_S, KEEP_S, PartitionHealth, findings
from pipeline.alerting.state_machine import AlertStateMachine
from pipeline.errors import Never, NotNow
from pipeline.harness.types import Membership
from pipeline.sinks.alert_topic import write
from pipeline.sinks.base import BlockSink, MessageSink
from pipeline.sinks.blocks.rows import alert_rows
from schemas.alert import Alert

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 5.0
HISTORY_MAX: Final = 1000


class Watched(Protocol):
    """The harness, as far as this is about it."""

    @property
    def membership(self) -> Membership | None:
        """The present one."""

    def health(self) -> Sequence[PartitionHealth]:
        """How each partition is, halted ones too."""


class OwnAlerts:
    """See the module. `firing`: the alerts of the topic."""

    def __init__(
        self,
        harness: Watched,
        firing: Callable[[], Awaitable[Sequence[Alert]]],
        messages: MessageSink,
        blocks: BlockSink,
    ) -> None:
        self._harness, self._firing, self._messages, self._blocks = harness, firing, messages, blocks
        self._membership: Membership | None = None
        self._book = AlertStateMachine(())
        self._unsent: list[Alert] = []
        self._history: deque[Alert] = deque(maxlen=HISTORY_MAX)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look(clock.now_ms())
            except (NotNow, Never) as error:
                log.warning("alerts of this worker wait: %s", error)
            except Exception as error:  # noqa: BLE001 - whatever it is, the work goes on without it
                log.error("alerts of this worker fail: %r", error)

    async def look(self, at_ms: int) -> None:
        """One look, and what changed by it. NotNow, Never: it goes out with the next."""
        membership = self._harness.membership
        if membership is None:
            self._membership = None
            return
        if membership is not self._membership:
            await self._take_over(membership)
        if not self._unsent:
            self._unsent = self._book.advance(findings(self._harness.health(), at_ms), at_ms)
        if self._unsent:
            await self._messages.send(write(self._unsent))
            for alert in self._unsent:
                log.info("alert %s %s %s", alert.status, alert.fingerprint, alert.annotations.get("summary", ""))
            self._history.extend(self._unsent)
            self._unsent = []
        await self._remember()

    async def _take_over(self, membership: Membership) -> None:
        ours = {(at.topic, str(at.partition)) for at in membership.partitions}
        firing = [
            alert
            for alert in await self._firing()
            if alert.labels.get("alertname") in HOLD_S
            and (alert.labels.get("topic"), alert.labels.get("partition")) in ours
        ]
        self._book = AlertStateMachine((), firing, times={name: (hold_s, KEEP_S) for name, hold_s in HOLD_S.items()})
        self._unsent, self._membership = [], membership

    async def _remember(self) -> None:
        while self._history:
            alerts = list(self._history)
            block = alert_rows(alerts)
            await self._blocks.insert(block, f"{block.table}|own|{hashlib.sha256(block.data).hexdigest()[:32]}")
            for _ in alerts:
                self._history.popleft()
