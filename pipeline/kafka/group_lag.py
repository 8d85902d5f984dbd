"""How far a consumer group is behind, asked of Kafka from outside the group. Reads only; NotNow where Kafka does not answer."""

from collections.abc import Sequence

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from pipeline.errors import NotNow
from pipeline.kafka.reading import reader
from pipeline.kafka.wire import metadata


async def lag_records(bootstrap: str, group: str, topics: Sequence[str]) -> int:
    """Records between the group's committed offsets and the ends of the topics' logs; all of them where nothing is committed."""
    known = (await metadata(bootstrap, topics, timeout_s=5)).topics
    tps = [TopicPartition(name, number) for name, one in known.items() for number in range(one.partitions)]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        committed = await admin.list_consumer_group_offsets(group)
    except KafkaError as error:
        raise NotNow(f"Kafka at {bootstrap} does not answer: {error!r}") from error
    finally:
        await admin.close()
    async with reader(bootstrap) as consumer:
        first, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    done = {tp: committed[tp].offset if tp in committed else first[tp] for tp in tps}
    return sum(max(0, end[tp] - done[tp]) for tp in tps)
