"""An alert's present state, in Alertmanager's field names: the value of a record on `alerts`, keyed by fingerprint."""

import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Severity = Literal["critical", "warning", "info"]


class Alert(BaseModel):
    """One alert. `endsAt` is set once it is resolved. Times are UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    fingerprint: str = Field(pattern=r"^[0-9a-f]{16}$")
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: datetime = Field(alias="startsAt")
    ends_at: datetime | None = Field(default=None, alias="endsAt")
    updated_at: datetime = Field(alias="updatedAt")
    generator_url: str = Field(default="", alias="generatorURL")
    evidence: dict[str, str | float] = Field(default_factory=dict)

    @field_validator("evidence", mode="before")
    @classmethod
    def _known(cls, evidence: object) -> object:
        """JSON has no NaN: a figure that is none is left out, also where a record says `null`."""
        return known(evidence) if isinstance(evidence, Mapping) else evidence


def known(evidence: Mapping[str, object]) -> dict[str, object]:
    """What stands for something."""
    return {
        name: value
        for name, value in evidence.items()
        if value is not None and not (isinstance(value, float) and not math.isfinite(value))
    }


def fingerprint(labels: dict[str, str]) -> str:
    """16 hex digits of the labels' identity: equal labels in any order, equal fingerprint."""
    text = "\x00".join(f"{key}\x01{labels[key]}" for key in sorted(labels))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
