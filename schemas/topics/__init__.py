"""The topic registry: a folder for each topic, with its facts, versions, examples and what becomes of records that can't be read.

    <name>/topic.yaml                  `Topic`, checked
    <name>/examples/valid/*            records as they stand on the topic
    <name>/examples/invalid/*          others; what is said of each stands in topic.yaml

Promises: facts only; a test passes every example through the topic's reader. Making topics is the admin's work.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

SPANS = "otlp_spans"
METRICS = "otlp_metrics"
LOGS = "otlp_logs"
WINDOWS = "tailrace.windows"
ALERTS = "alerts"
DEAD_LETTERS = "tailrace.dead_letters"

FOLDER = Path(__file__).parent


class Facts(BaseModel):
    """What is written down is all there is, and stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Version(Facts):
    """One form of the topic's records. Readers take every form that is listed."""

    version: int = Field(ge=1)
    told_by: str
    """What tells it from the others."""
    what: str


class DeadLetterPolicy(Facts):
    """What becomes of a record that can't be read.

    `items`: sound items of it are worked on, each of the others is a dead letter with its reason. `records`: it is one
    dead letter. `left_out`: it is passed over and counted. `unread`: nothing of ours reads the topic.
    """

    unreadable: Literal["items", "records", "left_out", "unread"]
    reasons: tuple[str, ...] = ()
    """Every reason that is ever given."""


class Invalid(Facts):
    """What is said of an invalid example."""

    reason: str
    item: int = Field(default=-1, ge=-1)
    """Which item of the record is meant, counted from 0; -1: the whole record."""


class Examples(Facts):
    """What one must know to read the topic's examples."""

    at_ms: int = Field(default=0, ge=0)
    """Broker time at which they come."""
    invalid: Mapping[str, Invalid] = Field(default_factory=dict)
    """By the file's name without its ending."""


class Topic(Facts):
    """One topic of the registry."""

    name: str = Field(pattern=r"^[a-zA-Z0-9._-]{1,249}$")
    partitions: int = Field(ge=1)
    retention_h: int | None = Field(ge=1)
    """Hours; None: the broker's default."""
    timestamps: Literal["LogAppendTime", "CreateTime"]
    compact: bool
    """Keep the newest value of each key."""
    key: str
    schema_: str = Field(alias="schema")
    owner: str
    versions: tuple[Version, ...] = Field(min_length=1)
    dead_letters: DeadLetterPolicy
    examples: Examples = Examples()


@cache
def registry() -> dict[str, Topic]:
    """All topics by name, read once from the folders beside this module."""
    found = [Topic.model_validate(yaml.safe_load(path.read_text())) for path in sorted(FOLDER.glob("*/topic.yaml"))]
    return {topic.name: topic for topic in found}


def examples(topic: str, kind: Literal["valid", "invalid"]) -> dict[str, bytes]:
    """The topic's examples by the file's name without its ending, in its order."""
    return {path.stem: path.read_bytes() for path in sorted((FOLDER / topic / "examples" / kind).glob("*"))}
