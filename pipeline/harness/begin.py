"""Where a partition's work begins after an assignment: one pure decision over what Kafka and the store know.

Promises: never begins anew where something was done before, never passes over records in silence. Does not read or
write anything.
"""

from dataclasses import dataclass

from pipeline.errors import Misconfigured
from pipeline.harness.intent import Done, Intent, parse
from pipeline.harness.types import CommittedState, Partition


@dataclass(frozen=True, slots=True)
class RangeStart:
    """Read from `offset`; `end` given: the first batch is exactly [offset, end)."""

    offset: int
    end: int | None = None
    commit: bool = False
    """Commit `offset` without an intent first: none stands there yet, or it names what is gone."""
    lost: tuple[int, int] | None = None
    """Offsets that the log no longer holds, or that can't be rebuilt without those: one dead letter `range_lost`."""
    discarded: Intent | Done | None = None
    """What stands there is of another epoch: its topic is gone, and these offsets are not this one's."""
    changed_settings: bool = False
    """The standing intent was written under other row-shaping settings."""
    attempts: int = 0
    """How often the work on the range on record was begun by successors and not ended, by software of `version`."""
    version: str | None = None
    """Of the software that did the range before; None where that is not known."""


def needs_progress(standing: CommittedState) -> bool:
    """Whether the decision depends on the `progress` table."""
    return standing.committed is None


def decide(at: Partition, epoch: str, settings_hash: str, standing: CommittedState, known: bool) -> RangeStart:
    """Where to start, or Misconfigured with the cure.

    `known`: the `progress` table holds a row of this topic, epoch and partition.
    """
    where = f"{at.topic}/{at.partition}"
    if standing.committed is None:
        return _without_offset(where, standing, known)
    noted = parse(standing.metadata)
    if noted is not None and noted.epoch != epoch:
        return RangeStart(offset=standing.log_start, commit=True, discarded=noted)
    intent = noted if isinstance(noted, Intent) else None
    end = standing.committed if intent is None else intent.end
    if end > standing.log_end:
        raise Misconfigured(
            f"{where}: the group's offset {end} lies beyond the log's end {standing.log_end}",
            "The topic was truncated or made anew under its old offsets: reset the group's offsets once you know which records count",
        )
    if standing.committed < standing.log_start:
        # A range on record that lost its beginning can't be rebuilt, and what of it had landed can't be told: it is
        # given up whole.
        goes_on = max(end, standing.log_start)
        return RangeStart(offset=goes_on, commit=True, lost=(standing.committed, goes_on))
    if intent is None:
        version = noted.version if isinstance(noted, Done) else ""
        return RangeStart(offset=standing.committed, version=version or None)
    changed = intent.settings_hash != settings_hash
    return RangeStart(
        standing.committed,
        end=intent.end,
        changed_settings=changed,
        attempts=intent.attempts,
        version=intent.version or None,
    )


def _without_offset(where: str, standing: CommittedState, known: bool) -> RangeStart:
    if known:
        raise Misconfigured(
            f"{where}: the group has no committed offset, but `progress` says that it was worked on before",
            "Set the group's offset to the greatest offset in `progress` for it (exact if the last worker was stopped, up to "
            "some seconds behind if it was killed: those would count twice), or empty the tables and `progress` to begin anew",
        )
    return RangeStart(offset=standing.log_start, commit=True)
