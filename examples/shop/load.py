"""Customers: a load with a daily-like shape, squeezed into minutes, from a seed.

Promises: the same seed gives the same sequence of journeys; failures are counted, never raised. Runs until it is
stopped.
"""

import asyncio
import contextlib
import math
import random
import time

import httpx

DAY_S = 120.0
"""A day of the shop lasts this long."""


def rate_per_s(at_s: float, base: float) -> float:
    """Journeys per second at a time of the squeezed day: a trough at night, a peak in the evening."""
    return base * (1 + 0.45 * math.sin(2 * math.pi * at_s / DAY_S) + 0.15 * math.sin(4 * math.pi * at_s / DAY_S))


async def journey(client: httpx.AsyncClient, chance: random.Random) -> None:
    """One customer: looks at the front page and some products, buys now and then."""
    with contextlib.suppress(httpx.HTTPError):
        await client.get("/")
        for _ in range(chance.randint(1, 3)):
            product_id = chance.randint(1, 202)
            await client.get(f"/products/{product_id}")
        if chance.random() < 0.4:
            await client.post("/buy", json={"product_id": chance.randint(1, 200), "quantity": chance.randint(1, 4)})


async def run(storefront: str, base_per_s: float = 6.0, seed: int = 17) -> None:
    """Send customers to the storefront until cancelled."""
    chance = random.Random(seed)
    began = time.monotonic()
    running: set[asyncio.Task[None]] = set()
    async with httpx.AsyncClient(base_url=storefront, timeout=15) as client:
        while True:
            if len(running) < 200:
                task = asyncio.create_task(journey(client, chance))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.sleep(chance.expovariate(rate_per_s(time.monotonic() - began, base_per_s)))
