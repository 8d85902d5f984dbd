"""The topic registry: `topics.yaml` as checked models. Facts only; making topics is the admin's work."""

from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

SPANS = "otlp_spans"
METRICS = "otlp_metrics"
LOGS = "otlp_logs"
WINDOWS = "tailrace.windows"
ALERTS = "alerts"
DEAD_LETTERS = "tailrace.dead_letters"


class Topic(BaseModel):
    """One topic of the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    partitions: int = Field(ge=1)
    retention_h: int | None = Field(ge=1)
    timestamps: Literal["LogAppendTime", "CreateTime"]
    compact: bool
    key: str
    schema_: str = Field(alias="schema")
    owner: str


@cache
def registry() -> dict[str, Topic]:
    """All topics by name, read once from `topics.yaml` beside this module."""
    rows = yaml.safe_load(Path(__file__).with_name("topics.yaml").read_text())
    topics = TypeAdapter(list[Topic]).validate_python(rows)
    return {topic.name: topic for topic in topics}
