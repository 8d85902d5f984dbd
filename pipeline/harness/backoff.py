"""Waiting between repeats: doubling from a least to a greatest time."""

import asyncio


class Backoff:
    """One series of repeats."""

    def __init__(self, least_s: float, greatest_s: float) -> None:
        self._next_s, self._greatest_s = least_s, greatest_s

    async def wait(self) -> None:
        """Wait, longer each time."""
        delay_s, self._next_s = self._next_s, min(self._next_s * 2, self._greatest_s)
        await asyncio.sleep(delay_s)
