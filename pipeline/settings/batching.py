"""Settings of batches: when one ends, and how long its insert may take."""

from typing import ClassVar, Self

from pydantic import Field, model_validator

from pipeline.settings.base import Section


class Batching(Section):
    """How records become one insert."""

    title: ClassVar[str] = "Batches and their inserts"

    batch_max_bytes: int = Field(16 << 20, ge=1 << 10, le=1 << 30, description="a batch ends at this many bytes")
    batch_max_records: int = Field(50_000, ge=1, description="a batch ends at this many records")
    batch_max_wait_s: float = Field(
        0.5,
        gt=0,
        le=30,
        description="a batch ends this long after its first record; 2.5 times as long while it is below 64 KiB",
    )
    send_deadline_s: float = Field(
        60, gt=0, description="an insert may begin this long after its intent was acknowledged"
    )
    insert_timeout_s: float = Field(
        30, gt=0, description="an insert's answer is waited for this long; less than the send deadline"
    )

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.insert_timeout_s >= self.send_deadline_s:
            raise ValueError(
                f"TAILRACE_INSERT_TIMEOUT_S = {self.insert_timeout_s:g} is not less than TAILRACE_SEND_DEADLINE_S = "
                f"{self.send_deadline_s:g}: a batch could be inserted after it is another worker's"
            )
        return self
