"""What the supervisor is told: a process, how one sees that it is ready, and how long to wait before starting it again.

Promises: plain frozen facts. Starts nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

Facts = Mapping[str, str]
"""What a process says of itself once it is ready: addresses, as a rule."""

Probe = Callable[[], Awaitable[bool]]
"""Asked again and again until it says True."""


@dataclass(frozen=True)
class Backoff:
    """Waits that double up to a cap; a run as long as `healthy_s` starts them anew."""

    first_s: float = 0.2
    cap_s: float = 30.0
    healthy_s: float = 60.0

    def wait_s(self, failures: int) -> float:
        """Before the start that follows so many failures in a row (1 = the first)."""
        return min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 32))

    def failures_after(self, failures: int, ran_s: float) -> int:
        """The count of failures in a row when one more run has ended after so long."""
        return 1 if ran_s >= self.healthy_s else failures + 1


@dataclass(frozen=True)
class Process:
    """One child. Ready: it printed a line of JSON (`says_ready`), or `probe` said True, or, with neither, at once.

    A `once` process is ready when it has ended with code 0; it is never started again.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    says_ready: bool = False
    probe: Probe | None = None
    once: bool = False
    after: frozenset[str] | None = None
    """Names in earlier steps that must be ready before it starts; None: all of them."""
    ready_timeout_s: float = 120.0
    stop_timeout_s: float = 20.0
    backoff: Backoff = Backoff()
    first_tries: int = 3
