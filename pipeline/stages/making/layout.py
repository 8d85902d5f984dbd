"""Where things stand that a leaf's kernels fill: columns of its tables, tables among counters, fields in the scratch row.

Promises: pure; the same table gives the same layout.
"""

from dataclasses import dataclass

from pipeline.kernels.wire.frames import LEAF_COLUMNS, LEAVES, TABLES
from schemas.otlp import Child, Field, Keep, Leaf, every_message

Columns = tuple[tuple[str, str], ...]
"""Names and types."""

PLACE: Columns = (("record", "i32"), ("index_in_record", "i32"), ("resource", "i32"), ("scope", "i32"))
ROWS: Columns = (
    ("key_at", "i64"),
    ("key_length", "i32"),
    ("value_at", "i64"),
    ("value_length", "i32"),
    ("kind", "u8"),
)
NAMES: Columns = (("at", "i64"), ("length", "i32"), ("after", "i32"))
SCALARS = (Keep.NUMBER, Keep.ENUM, Keep.TEXT, Keep.ID, Keep.REFERENCE)
LISTS = (Keep.ATTRIBUTES, Keep.CHILDREN)


def columns_of(one: Field) -> Columns:
    """Columns of the row that a field fills itself."""
    if one.keep is Keep.TEXT:
        return ((f"{one.column}_at", "i64"), (f"{one.column}_length", "i32"))
    if one.keep is Keep.VALUE:
        return ((f"{one.column}_kind", "u8"), (f"{one.column}_at", "i64"), (f"{one.column}_length", "i32"))
    if one.keep is Keep.PART:
        return tuple(column for inner in parts(one) for column in columns_of(inner))
    return () if one.keep in LISTS else ((one.column, one.type),)


def parts(one: Field) -> tuple[Field, ...]:
    """The fields of a part."""
    return one.of.fields if one.of is not None else ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the leaf's own: its number among counters, where its columns' addresses begin, and its columns."""

    name: str
    kind: str
    """The NamedTuple's name."""
    number: int
    first: int
    columns: Columns

    def place(self, column: str) -> int:
        """Where the column's address stands."""
        return self.first + [name for name, _ in self.columns].index(column)


@dataclass(frozen=True, slots=True)
class Layout:
    """A leaf, its tables and the slots of its scratch row: a field's value or place at its slot, its length `LEN` after it."""

    leaf: Leaf
    row: Table
    own: tuple[Table, ...]
    slots: dict[str, int]

    @classmethod
    def of(cls, leaf: Leaf) -> "Layout":
        """Lay a leaf out. ValueError where its table has what no kernel is made for yet."""
        for message in every_message([leaf]):
            for one in message.fields:
                if one.one_of or one.zigzag or one.keep is Keep.SERIES:
                    raise ValueError(
                        f"{message.proto}.{one.name}: no kernel reads oneofs, zigzag numbers or series yet"
                    )
        lists = tuple((f"{one.column}_first", "i64") for one in leaf.fields if one.keep in LISTS)
        fields = tuple(column for one in leaf.fields for column in columns_of(one))
        number = (((f"{leaf.numbered}_number", "i32"),)) if leaf.numbered else ()
        row = Table("columns", "Columns", LEAVES, LEAF_COLUMNS, PLACE + fields + leaf.made + number + lists)
        own: list[Table] = []

        def add(name: str, kind: str, columns: Columns) -> None:
            last = own[-1] if own else row
            first = last.first + len(last.columns)
            own.append(Table(name, kind, TABLES + len(own), first, columns))

        for one in leaf.fields:
            if one.keep is Keep.CHILDREN and isinstance(one.of, Child):
                add(one.column, one.column.capitalize(), _child_columns(one.of))
                for inner in one.of.fields:
                    if inner.keep is Keep.ATTRIBUTES:
                        add(inner.column, "Rows", ROWS)
        if leaf.numbered:
            add(f"{leaf.numbered}s", "Names", NAMES)
        return cls(leaf, row, tuple(own), _slots(leaf))

    @property
    def length_after(self) -> int:
        """LEN."""
        return max(self.slots.values()) + 1

    def table(self, name: str) -> Table:
        """One of the leaf's own."""
        return next(table for table in self.own if table.name == name)


def _child_columns(child: Child) -> Columns:
    own = tuple(column for one in child.fields for column in columns_of(one))
    has = any(one.keep is Keep.ATTRIBUTES for one in child.fields)
    return own + ((("attributes_first", "i64"),) if has else ())


def _slots(leaf: Leaf) -> dict[str, int]:
    """A field that is simply kept stands at its own number; the others come behind."""
    slots = {one.column: one.number for one in leaf.fields if one.keep in SCALARS}
    after = max(one.number for one in leaf.fields) + 1
    for one in leaf.fields:
        if one.keep is Keep.VALUE:
            slots |= {one.column: after, f"{one.column}_kind": after + 1, f"{one.column}_began": after + 2}
            after += 3
        if one.keep is Keep.PART:
            for inner in parts(one):
                slots[inner.column] = after
                after += 1
    for name in (*leaf.notes, *(name for name, _ in leaf.made)):
        slots[name] = after
        after += 1
    return slots
