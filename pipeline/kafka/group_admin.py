"""What Kafka knows of a consumer group, asked from outside of it: committed offsets and members.

Promises: reads only; NotNow where Kafka does not answer. A new cluster makes its topic of offsets when it is first asked: that is waited for.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from pipeline.errors import NotNow

T = TypeVar("T")
COORDINATOR_RETRY_S = 0.2


class GroupAdmin:
    """Questions about groups."""

    def __init__(self, client: AIOKafkaAdminClient) -> None:
        self._client = client

    async def committed(self, group: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
        """Of every partition that the group committed."""
        found: Mapping[TopicPartition, OffsetAndMetadata] = await once_coordinated(
            lambda: self._client.list_consumer_group_offsets(group)
        )
        return found

    async def members(self, group: str) -> int:
        """How many are in it now."""
        (answer,) = await once_coordinated(lambda: self._client.describe_consumer_groups([group]))
        ((_, _, _, _, _, members, *_),) = answer.groups
        return len(members)


@asynccontextmanager
async def group_admin(bootstrap: str, *, timeout_s: float = 40.0) -> AsyncIterator[GroupAdmin]:
    """Somebody to ask; `timeout_s`: for each answer."""
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_s * 1000))
    try:
        await client.start()
        yield GroupAdmin(client)
    except KafkaError as error:
        raise NotNow(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await client.close()


async def once_coordinated(ask: Callable[[], Awaitable[T]], *, patience_s: float = 10.0) -> T:
    """The answer about a group, once the cluster has somebody to give it."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await ask()
        except GroupCoordinatorNotAvailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(COORDINATOR_RETRY_S)
