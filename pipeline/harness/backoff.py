"""Waiting between repeats, doubling from a least to a greatest time; and repeating what is *not now* until it is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pipeline.errors import NotNow

log = logging.getLogger(__name__)
T = TypeVar("T")


class Backoff:
    """One series of repeats."""

    def __init__(self, least_s: float, greatest_s: float) -> None:
        self._next_s, self._greatest_s = least_s, greatest_s

    async def wait(self) -> None:
        """Wait, longer each time."""
        delay_s, self._next_s = self._next_s, min(self._next_s * 2, self._greatest_s)
        await asyncio.sleep(delay_s)


def _nothing() -> None:
    """For repeats that nobody watches."""


async def repeat(
    ask: Callable[[], Awaitable[T]], backoff: Backoff, what: str, waited: Callable[[], None] = _nothing
) -> T:
    """The answer, however often it takes while it is `NotNow`.

    `what` waits, for the log; `waited` is called after each wait.
    """
    while True:
        try:
            return await ask()
        except NotNow as error:
            log.warning("%s waits: %s", what, error)
            await backoff.wait()
            waited()
