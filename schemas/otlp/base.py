"""What a table of a protobuf message says: number, wire type and name of each field, and what is kept of it.

Promises: plain data; a message that contradicts itself raises ValueError when it is made. Names are protobuf's own, so
a test can hold each table to protobuf's descriptors. Knows no bytes and no kernel.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum

NAME_MAX = 1024
"""Bytes of a text that becomes a series' key or a dictionary's entry: a longer one is cut at a character."""


class Wire(IntEnum):
    """Protobuf's wire types, without groups, which OTLP has none of."""

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5


class Keep(Enum):
    """What is kept of a field, and what makes it bad."""

    NUMBER = "number"
    """The number, in the column's type."""
    ENUM = "enum"
    """The number from 0 to `most`; any other is 0, the unspecified one: enums are open."""
    TEXT = "text"
    """Place and length. Bytes that are no UTF-8 make the leaf bad. Columns `<column>_at` and `<column>_length`."""
    ID = "id"
    """Place of `size` bytes, -1 for none or zeros. Another length makes the leaf bad."""
    REFERENCE = "reference"
    """As ID, but another length costs the reference alone, which is counted."""
    ATTRIBUTES = "attributes"
    """KeyValues in rows of a table of their own, within the leaf's budget."""
    VALUE = "value"
    """An AnyValue: columns `<column>_kind`, `<column>_at` and `<column>_length`."""
    PART = "part"
    """A message that comes once; its fields are the leaf's own."""
    CHILDREN = "children"
    """Messages in rows of a table of their own."""
    SERIES = "series"
    """Numbers, packed or one by one, in rows of a table of their own."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A field that OTLP has and nothing is kept of; it must be sound as protobuf all the same."""

    number: int
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `type` is the column's element: i64, i32, u32, u8 or f64."""

    number: int
    wire: Wire
    name: str
    keep: Keep = Keep.NUMBER
    column: str = ""
    type: str = "i64"
    most: int = 0
    """Of an enum the greatest number; of a text the bytes beyond which it is cut while it is scanned (0: not here)."""
    size: int = 0
    """Bytes of an id."""
    of: "Message | None" = None
    """What a part, a child or an item of a series is."""
    one_of: str = ""
    """The oneof that it belongs to: members share a column, and of those that came the last counts."""
    zigzag: bool = False
    """Whether the number is written zigzag (protobuf's sint32 and sint64)."""

    @property
    def tag(self) -> int:
        """What stands before it on the wire."""
        return self.number << 3 | self.wire


@dataclass(frozen=True, slots=True)
class Message:
    """A message: the fields that are kept, and those that are passed over."""

    proto: str
    """Full name in protobuf."""
    fields: tuple[Field, ...]
    passed: tuple[Passed, ...] = ()

    def __post_init__(self) -> None:
        """Refuse two fields of one number, and fields that lack what their kind needs."""
        told: tuple[Field | Passed, ...] = (*self.fields, *self.passed)
        numbers = [one.number for one in told]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"{self.proto}: a field's number comes twice")
        for one in self.fields:
            if one.keep in (Keep.ID, Keep.REFERENCE) and one.size not in (8, 16):
                raise ValueError(f"{self.proto}.{one.name}: an id has 8 or 16 bytes")
            if one.keep in (Keep.PART, Keep.CHILDREN) and one.of is None:
                raise ValueError(f"{self.proto}.{one.name}: of which message?")


@dataclass(frozen=True, slots=True)
class Child(Message):
    """A message that a leaf has many of."""

    refers: bool = False
    """It is nothing but a reference: one whose ids are none is left out and counted, and its leaf is sound without it.
    """


@dataclass(frozen=True, slots=True)
class Leaf(Message):
    """What requests are made of: a span, a log record, a data point."""

    name: str = ""
    usual: tuple[str, ...] = ()
    """Fields that nearly all exporters write first, in this order: read without a look at each tag."""
    numbered: str = ""
    """The text whose distinct values get numbers while their bytes are at hand."""
    noted_lengths: tuple[int, ...] = ()
    """Lengths of the attributes' keys that the leaf's rules ask for.

    Rules are checks beyond single fields, one module a leaf.
    """
    notes: tuple[str, ...] = ()
    """What those rules remember of such attributes, each a number and whether it came."""
    made: tuple[tuple[str, str], ...] = ()
    """Columns that those rules make, and their types."""


def every_message(messages: Iterable[Message]) -> Iterator[Message]:
    """All messages that tables speak of: they themselves, their parts and their children."""
    for message in messages:
        yield message
        yield from every_message(one.of for one in message.fields if one.of)
