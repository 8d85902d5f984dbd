"""Settings of Kafka: where it is, and how the worker is its consumer."""

from typing import ClassVar

from pydantic import Field

from pipeline.settings.base import HostsPorts, Section


class Cluster(Section):
    """Where Kafka is: all that a collector has to know of it."""

    title: ClassVar[str] = "Kafka"

    kafka_bootstrap: HostsPorts = Field(
        "127.0.0.1:9092", description="Kafka's bootstrap servers, host:port[,host:port]"
    )


class Consumer(Section):
    """The worker's consumer group and how it fetches."""

    title: ClassVar[str] = "Kafka, as workers read it"

    kafka_group: str = Field("tailrace", pattern=r"\S", description="consumer group; a database belongs to one group")
    kafka_check_crcs: bool = Field(
        True, description="check each record batch's CRC-32C in the consumer (in hardware, about 20 GB/s)"
    )
    fetch_max_bytes: int = Field(8 << 20, ge=1 << 10, description="bytes of one fetch from one partition")
    session_timeout_s: float = Field(
        10, gt=0, description="Kafka takes a silent worker's partitions away after this time"
    )
