"""Something that is asked again and again in a thread of its own, so that whoever hangs holds no key and no clock up.

Promises: the newest answer with its age at once, and what is wrong, in words, from `PATIENCE_S` on. One question at a
time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
PATIENCE_S = 4.0
"""An answer that takes longer is told to be missing."""


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What is known at one moment. Times are monotonic seconds."""

    name: str
    value: T | None = None
    at_s: float | None = None
    """When the value came."""
    asked_s: float | None = None
    """Since when an answer is waited for."""
    error: str = ""
    """Of the last question, where it failed."""

    def warning(self, now_s: float) -> str:
        """What people have to know of it; nothing while all is well."""
        waits_s = 0.0 if self.asked_s is None else now_s - self.asked_s
        if waits_s < PATIENCE_S and not self.error:
            return ""
        what = f"{self.name}: {self.error}" if self.error else f"{self.name} does not answer since {waits_s:.0f} s"
        return what if self.at_s is None else f"{what}; what is shown is {now_s - self.at_s:.0f} s old"


class Feed(Generic[T]):
    """See the module. `ask` returns the answer; what it raises of `errors` is told in `words`."""

    def __init__(
        self,
        name: str,
        ask: Callable[[], T],
        every_s: float,
        errors: tuple[type[Exception], ...],
        words: Callable[[Exception], str] = str,
    ) -> None:
        self._ask, self._every_s, self._errors, self._words = ask, every_s, errors, words
        self._told: Told[T] = Told(name)
        self._wake, self._ended, self._answered = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"feed {name}")

    @property
    def told(self) -> Told[T]:
        """At this moment."""
        return self._told

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def hurry(self) -> None:
        """Ask now: something else is to be looked at."""
        self._wake.set()

    def stop(self) -> None:
        """Ask no more; an answer that is waited for is left behind."""
        self._ended.set()
        self._wake.set()

    def first(self, timeout_s: float) -> Told[T]:
        """Once the first question has its answer or its error, or after a while."""
        self._answered.wait(timeout_s)
        return self._told

    def _run(self) -> None:
        while not self._ended.is_set():
            self._wake.clear()
            before = self._told
            self._told = Told(before.name, before.value, before.at_s, time.monotonic(), before.error)
            try:
                value = self._ask()
                self._told = Told(before.name, value, time.monotonic())
            except self._errors as error:
                self._told = Told(before.name, before.value, before.at_s, None, self._words(error))
            self._answered.set()
            self._wake.wait(self._every_s)
