"""A dead letter: bytes that could not be worked on, where they came from, and why.

Promises: its id is (topic, epoch, partition, offset, item_index), so a rebuilt batch and a redrive make no second one.
On Kafka the value is the original bytes and all else stands in headers; in ClickHouse all but the bytes.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

REASONS = (
    "malformed",
    "truncated",
    "wrong_wire_type",
    "varint_too_long",
    "group",
    "too_deep",
    "invalid_utf8",
    "bad_id",
    "bad_time",
    "bad_json",
    "too_large",
    "too_many_bad",
    "too_old",
    "range_lost",
    "skipped",
    "work_failed",
)
"""Every reason code there is."""


FORMER_INDEX = "span_index"
"""What `item_index` was called when spans were all there was: letters of that time still stand on the topic."""


class DeadLetter(BaseModel):
    """One dead letter.

    `item_index`: which item of the record, counted from 0 (spans, points, log records); -1: the whole record.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    epoch: str
    partition: int = Field(ge=0)
    offset: int = Field(ge=0)
    item_index: int = Field(default=-1, ge=-1)
    stage: str
    reason: str
    error: str = Field(max_length=1000)
    first_seen_ms: int = Field(ge=0)
    """Broker time of the record: a pure fact of the input, not of the clock."""
    left_out_bytes: int = Field(default=0, ge=0)
    """Bytes behind `value` that were not kept: a letter must fit into what a broker takes."""
    value: bytes = b""

    def capped(self, bytes_max: int) -> "DeadLetter":
        """The letter with at most so many bytes, saying so where some are left out."""
        more = len(self.value) - bytes_max
        if more <= 0:
            return self
        left_out = self.left_out_bytes + more
        said = f" (the first {bytes_max} bytes are kept, {left_out} are not)"
        error = self.error.partition(" (the first ")[0][: 1000 - len(said)] + said
        return self.model_copy(update={"value": self.value[:bytes_max], "left_out_bytes": left_out, "error": error})

    @property
    def id(self) -> str:
        """The letter's identity as text."""
        return f"{self.topic}|{self.epoch}|{self.partition}|{self.offset}|{self.item_index}"

    def headers(self) -> list[tuple[str, bytes]]:
        """All but the value, as Kafka headers."""
        fields = self.model_dump(exclude={"value"})
        return [(f"tailrace.{name}", str(value).encode()) for name, value in fields.items()]

    @classmethod
    def from_kafka(cls, headers: Sequence[tuple[str, bytes | None]], value: bytes) -> "DeadLetter":
        """The letter from a Kafka record's headers and value; ValueError where they are not a dead letter's."""
        prefix = "tailrace."
        fields = {
            name.removeprefix(prefix): (text or b"").decode() for name, text in headers if name.startswith(prefix)
        }
        if FORMER_INDEX in fields:
            fields.setdefault("item_index", fields[FORMER_INDEX])
            del fields[FORMER_INDEX]
        return cls.model_validate({**fields, "value": value})
