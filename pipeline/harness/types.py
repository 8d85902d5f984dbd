"""What the harness passes around: partitions, memberships, fetches, ranges, and the seam to the consumer group.

Promises: knows neither Faust nor aiokafka; the real group is `pipeline.agents.group`, the memory twin is
`pipeline.harness.memory`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from pipeline.model.outcome import Outcome
from pipeline.model.records import LostRange, Records
from pipeline.model.values import Values

Work = Callable[[Records], Outcome]
"""S3: a pure function of the records, run in a thread."""


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


@dataclass(eq=False, slots=True)
class Membership:
    """One generation's stay in the consumer group; equal only to itself. A new generation is a new membership."""

    generation: int
    member_id: str
    partitions: frozenset[Partition]
    token: Any = None
    """The client's own assignment object: compared by identity at each fence."""
    ended: bool = False
    """Set at the first sign of a revocation, from the consumer's thread."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Records of one partition as one poll gave them: all that lie between positions `start` and `end`."""

    partition: Partition
    membership: Membership
    start: int
    end: int
    offsets: npt.NDArray[np.int64]
    timestamps_ms: npt.NDArray[np.int64]
    values: Values
    lost: tuple[LostRange, ...] = ()
    """What stands between the two and can't be read."""
    unreadable: str = ""
    """Why nothing at all can be told of what stands at `end`; empty where there is no such thing."""


@dataclass(frozen=True, slots=True)
class CommittedState:
    """What Kafka knows of one partition when it is taken over."""

    committed: int | None
    metadata: str
    log_start: int
    log_end: int


class Group(Protocol):
    """The consumer group, fenced. Every call names the membership that it speaks for."""

    async def read(self, membership: Membership, partition: Partition) -> CommittedState:
        """Committed offset and metadata, and the log's bounds, as they are now. NotNow: ask again. Fenced."""

    async def commit(self, membership: Membership, partition: Partition, offset: int, metadata: str) -> None:
        """Send one OffsetCommit, once, if the membership is still the present one, and wait for its answer.

        Fenced: it was refused, or its answer is not known; then the membership has been ended, too.
        """

    async def seek(self, membership: Membership, partition: Partition, offset: int) -> None:
        """Read on from there. Fenced."""

    async def leave(self, membership: Membership, why: str) -> None:
        """Give the membership up, if it is still the present one, and join anew."""

    def pause(self, membership: Membership, partition: Partition) -> None:
        """Fetch no more from it for now; polling goes on."""

    def resume(self, membership: Membership, partition: Partition) -> None:
        """Fetch from it again."""

    def stable_end(self, membership: Membership, partition: Partition) -> int | None:
        """As far as the log may be read, as last heard, without asking: behind it are only open transactions."""

    def position(self, membership: Membership, partition: Partition) -> int | None:
        """Offset of the next record that a poll may give: behind transaction markers and what was compacted away."""


class Pipeline(Protocol):
    """What works on one partition through one membership.

    `PartitionPipeline` is the one for ranges; stage 2 has another.
    """

    progressed_at: float
    """Monotonic time of the last step forward."""
    waits_for_sink: bool
    newest_s: float
    """Broker time of the last committed record, Unix seconds; 0 before the first."""
    skew_s: float
    """Our clock minus the broker's, as far as it is known."""

    @property
    def dead_share(self) -> float:
        """Of the last 1000 records how many were dead, 0-1."""

    @property
    def where(self) -> str:
        """Topic/partition, for people."""

    @property
    def ready(self) -> bool:
        """Whether it knows where it is."""

    @property
    def buffered_bytes(self) -> int:
        """Bytes that wait."""

    def deliver(self, fetch: Fetch) -> None:
        """Take in what a poll gave; never blocks, never raises."""

    def close(self) -> None:
        """End `run` after what is in hand."""

    def lag_records(self) -> int | None:
        """Records not yet done, as far as is known.

        Neither transaction markers nor what an open transaction holds back.
        """

    async def run(self) -> None:
        """Until closed. Fenced ends the membership's work; anything else that is raised ends the process."""


@runtime_checkable
class Skips(Protocol):
    """A pipeline whose range on record can be passed over."""

    def skip_next(self, told: Callable[[str], None]) -> None:
        """Keep the range on record as dead letters instead of working on it; `told` hears what was kept. Before `run`."""


PipelineMaker = Callable[[Membership, Partition, str], Pipeline]
"""(membership, partition, epoch) → a pipeline, not yet running."""


class Telemetry(Protocol):
    """Where the harness counts."""

    def count(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""

    def forget(self, name: str, **labels: str) -> None:
        """A gauge of something that is another's now."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add to a histogram."""

    def observe_many(self, name: str, values: npt.NDArray[np.float64], each: float, **labels: str) -> None:
        """Add values to a distribution, each of them standing for `each`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The harness's settings."""

    batch_max_bytes: int = 16 << 20
    batch_max_records: int = 50_000
    batch_max_wait_s: float = 0.5
    send_deadline_s: float = 60.0
    dead_letter_max_run: int = 1000
    watchdog_s: float = 120.0
    backoff_min_s: float = 0.1
    backoff_max_s: float = 5.0
    version: str = ""
    """Of this software: stands in the mark of a range that is done."""
    settings_hash: str = "-"
    """Of the settings that shape rows.

    Stands in the intent, so that a rebuilt batch can be told apart from a changed one.
    """
