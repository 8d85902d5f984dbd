"""The text of a leaf's columns module: its tables as NamedTuples, and the numbers that its kernels and rules use by name."""

from pipeline.stages.making.layout import LISTS, Layout, Table, parts
from pipeline.stages.making.text import tag
from schemas.otlp import Field, Keep

TYPES = {"i64": "I64", "i32": "I32", "u32": "U32", "u8": "U8", "f64": "F64"}
SHARED = (
    ("resources", "Owners"),
    ("resource_pieces", "Pieces"),
    ("scopes", "Owners"),
    ("scope_pieces", "Pieces"),
    ("bad", "Bad"),
    ("attributes", "Rows"),
    ("columns", "Columns"),
)
KNOWN = ("Rows", "Names")


def columns_text(layout: Layout) -> str:
    """The module."""
    return "\n\n".join([_head(layout), *_classes(layout), _numbers(layout)])


def _head(layout: Layout) -> str:
    used = sorted(
        {TYPES[kind] for table in (layout.row, *layout.own) if table.kind not in KNOWN for _, kind in table.columns}
    )
    names = "\nfrom pipeline.kernels.wire.names import Names" if layout.leaf.numbered else ""
    types = "\n".join(f"{name} = npt.NDArray[np.{_NUMPY[name]}]" for name in used)
    return (
        f'"""Columns of {layout.leaf.proto}, generated from `schemas.otlp`: don\'t edit."""\n\n'
        "from typing import NamedTuple\n\nimport numpy as np\nimport numpy.typing as npt\n\n"
        "from pipeline.kernels.wire.attributes import Rows\n"
        f"from pipeline.kernels.wire.frames import Bad, Owners, Pieces{names}\n\n{types}\n"
    )


_NUMPY = {"I64": "int64", "I32": "int32", "U32": "uint32", "U8": "uint8", "F64": "float64"}


def _classes(layout: Layout) -> list[str]:
    texts = [_class(layout.row, "One row a leaf: whose it is, its fields, and where its lists begin.")]
    texts += [
        _class(table, f"Rows of the leaves' {table.name}, one after another.")
        for table in layout.own
        if table.kind not in KNOWN
    ]
    lines = [f"    {name}: {kind}" for name, kind in (*SHARED, *((table.name, table.kind) for table in layout.own))]
    return [
        *texts,
        'class Tables(NamedTuple):\n    """All tables, in the order of their numbers."""\n\n' + "\n".join(lines) + "\n",
    ]


def _class(table: Table, doc: str) -> str:
    lines = "\n".join(f"    {name}: {TYPES[kind]}" for name, kind in table.columns)
    return f'class {table.kind}(NamedTuple):\n    """{doc}"""\n\n{lines}\n'


def _numbers(layout: Layout) -> str:
    lines = [f"{table.name.upper()} = {table.number}" for table in layout.own]
    lines.append(
        '"""Tables of the leaf\'s own among counters: its columns\' addresses stand in `Walk.columns`, in this order too."""\n'
    )
    lines += [f"{name.upper()} = {slot}" for name, slot in layout.slots.items()]
    lines.append(f"LEN = {layout.length_after}")
    lines.append(f"SCRATCH = {2 * layout.length_after}")
    lines.append('"""Slots of the scratch row `Walk.f`: a field\'s value or place, its length LEN after it."""\n')
    return "\n".join(lines + _tags(layout)) + "\n"


def _tags(layout: Layout) -> list[str]:
    """Tags of what is more than kept, and the wire types of what is kept."""
    lines = []
    for one in layout.leaf.fields:
        if one.keep in LISTS or one.of is not None or one.keep is Keep.VALUE:
            lines.append(f"{tag(one)} = 0x{one.tag:02X}")
        inside = one.column or one.name
        lines += [f"{tag(inner, inside)} = 0x{inner.tag:02X}" for inner in parts(one)]
    wires = {one.number: int(one.wire) for one in layout.leaf.fields if not _is_more(one)}
    last = max(wires)
    row = ", ".join(str(wires.get(number, 9)) for number in range(last + 1))
    return [
        *lines,
        f"NUMBER_MAX = {last}",
        f"WIRE = np.array([{row}], np.int64)",
        '"""Wire types of the fields that are simply kept, by number; 9 for the others."""',
    ]


def _is_more(one: Field) -> bool:
    return one.keep in LISTS or one.keep is Keep.VALUE or bool(parts(one))
