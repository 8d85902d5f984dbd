"""Topics as the registry wants them: made where they are missing, compared where they exist; and topics' ids.

Promises: when `ensure_topics` returns, the broker knows them all; safe to repeat and to run twice at once; changes nothing
that exists, but says what differs. Deletes nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from pipeline.errors import Misconfigured, NotNow
from pipeline.kafka.wire import ClusterMetadata, MetadataError, metadata, topic_ids
from schemas.topics import Topic

__all__ = ["MetadataError", "TopicState", "config_of", "ensure_topics", "topic_ids", "until_known"]

MAX_MESSAGE_BYTES = 20 << 20
"""Least `max.message.bytes`: the receivers join small requests into records up to this size."""

State = Literal["made", "fine", "different"]


@dataclass(frozen=True)
class TopicState:
    """What was found or done; `differences` are for people, one a line."""

    name: str
    state: State
    differences: tuple[str, ...] = ()

    @property
    def harmful(self) -> bool:
        """Whether something would not work: how long records stay is the owner's to choose."""
        return any(not difference.startswith("retention.ms:") for difference in self.differences)


def config_of(topic: Topic) -> dict[str, str]:
    """The registry's facts in Kafka's configuration names."""
    config = {
        "message.timestamp.type": topic.timestamps,
        "cleanup.policy": "compact" if topic.compact else "delete",
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
    }
    if topic.retention_h is not None:
        config["retention.ms"] = str(topic.retention_h * 3_600_000)
    return config


async def ensure_topics(bootstrap: str, topics: Iterable[Topic], *, timeout_s: float = 30.0) -> list[TopicState]:
    """Make the missing ones, compare the others, in the given order. Misconfigured, where Kafka can't be reached or refuses."""
    wanted = list(topics)
    replicas = min(3, len((await _cluster(bootstrap, timeout_s)).brokers))
    async with _admin(bootstrap, timeout_s) as admin:
        try:
            made = await _make(admin, wanted, replicas, timeout_s)
            await until_known(bootstrap, [topic.name for topic in wanted], timeout_s=timeout_s)
            return await _compare(admin, bootstrap, wanted, made)
        except KafkaError as error:
            cure = "See the broker's log; `tailrace doctor` checks the connection"
            raise Misconfigured(f"Kafka at {bootstrap} refused: {error}", cure) from error


async def until_known(bootstrap: str, names: Sequence[str], *, timeout_s: float = 30.0) -> None:
    """Wait until the broker itself knows the topics: the controller's answer to their making comes earlier. NotNow after that."""
    deadline = time.monotonic() + timeout_s
    while True:
        topics = (await metadata(bootstrap, names, timeout_s=timeout_s)).topics
        if all(name in topics and topics[name].error == 0 and topics[name].partitions for name in names):
            return
        if time.monotonic() > deadline:
            missing = sorted(name for name in names if name not in topics or topics[name].error)
            raise NotNow(
                f"Kafka at {bootstrap} does not know the topics {missing} {timeout_s:.0f} s after they were made"
            )
        await asyncio.sleep(0.02)


async def _cluster(bootstrap: str, timeout_s: float) -> ClusterMetadata:
    try:
        return await metadata(bootstrap, (), timeout_s=timeout_s)
    except NotNow as error:
        cure = "Start Kafka (`tailrace up`, or `tailrace embedded kafka`) or set TAILRACE_KAFKA_BOOTSTRAP"
        raise Misconfigured(str(error), cure) from error


@asynccontextmanager
async def _admin(bootstrap: str, timeout_s: float) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_s * 1000))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def _make(admin: Any, wanted: Sequence[Topic], replicas: int, timeout_s: float) -> set[str]:  # noqa: ANN401
    """Names of those that were not there before."""
    there = set(await admin.list_topics())
    missing = [topic for topic in wanted if topic.name not in there]
    if not missing:
        return set()
    new = [NewTopic(topic.name, topic.partitions, replicas, topic_configs=config_of(topic)) for topic in missing]
    answer = await admin.create_topics(new, timeout_ms=int(timeout_s * 1000))
    made = set()
    for name, code, *rest in answer.topic_errors:
        if code == 0:
            made.add(name)
        elif code != TopicAlreadyExistsError.errno:  # another process made it meanwhile
            raise for_code(code)(f"{name}: {rest[0] if rest else code}")
    return made


async def _compare(admin: Any, bootstrap: str, wanted: Sequence[Topic], made: set[str]) -> list[TopicState]:  # noqa: ANN401
    old = [topic for topic in wanted if topic.name not in made]
    found = (await metadata(bootstrap, [topic.name for topic in old])).topics if old else {}
    configs = await _configs(admin, [topic.name for topic in old])
    states = []
    for topic in wanted:
        if topic.name in made:
            states.append(TopicState(topic.name, "made"))
        else:
            differences = tuple(_differences(topic, found[topic.name].partitions, configs[topic.name]))
            states.append(TopicState(topic.name, "different" if differences else "fine", differences))
    return states


async def _configs(admin: Any, names: Sequence[str]) -> dict[str, dict[str, str]]:  # noqa: ANN401
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs: dict[str, dict[str, str]] = {}
    for answer in await admin.describe_configs(resources):
        for code, message, _kind, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"{name}: {message}")
            configs[name] = {entry[0]: entry[1] for entry in entries}
    return configs


def _differences(topic: Topic, partitions: int, config: Mapping[str, str]) -> Iterable[str]:
    if partitions < topic.partitions:  # more is how one grows
        yield f"partitions: {partitions}, the registry says at least {topic.partitions}"
    for name, value in config_of(topic).items():
        here = config.get(name, "")
        if name == "max.message.bytes":
            if int(here) < int(value):
                yield f"{name}: {here}, at least {value} is needed"
        elif here != value:
            yield f"{name}: {here}, the registry says {value}"
