"""The text of the kernels that read one child of a leaf (an event, a link, an exemplar) into a row of its table."""

from pipeline.stages.making.layout import Layout, Table, columns_of
from pipeline.stages.making.text import PUT, Imports, block, checked_ids, indented, tag
from schemas.otlp import Child, Field, Keep

BAD_REFERENCE = "    return np.int64(BAD_ID)"


def children_text(layout: Layout) -> str:
    """The module; nothing where the leaf has no children."""
    names = Imports(layout.leaf.name)
    functions = [block(_child(layout, one, names)) for one in layout.leaf.fields if one.keep is Keep.CHILDREN]
    head = f'"""Children of {layout.leaf.proto}, generated from `schemas.otlp`: don\'t edit."""\n'
    return "\n\n".join([f"{head}\n{names.text()}", *functions]) if functions else ""


def _child(layout: Layout, one: Field, names: Imports) -> list[str]:
    """The function `read_<column>`, whose answer is how many attributes were dropped, or a code."""
    child = one.of
    if not isinstance(child, Child):
        raise TypeError(f"{one.name} is no list of children")
    table = layout.table(one.column)
    number = names.own(table.name.upper())
    attributes = next((inner for inner in child.fields if inner.keep is Keep.ATTRIBUTES), None)
    names.use("codes", "NO_ROOM")
    names.use("fields", "field")
    ids = [inner for inner in child.fields if inner.keep in (Keep.ID, Keep.REFERENCE)]
    checks = checked_ids(ids, lambda inner: f"{inner.column}_at", names)
    if child.refers:
        names.use("counted", "REFERENCES")
        lost = ["    walk.counted[REFERENCES] += 1", *(["    walk.n[rows] = first"] if attributes else [])]
        at = checks.index(BAD_REFERENCE)
        checks[at : at + 1] = [*lost, "    return np.int64(0)"]
    return [
        "@bare",
        f"def read_{one.column}(b: U8, p: Int, end: Int, walk: Walk) -> Int:",
        f'    """Write one of `{one.name}`; how many attributes were dropped, or a code."""',
        f"    k = walk.n[{number}]",
        *indented(_begin(layout, attributes, names)),
        *indented(line for inner in child.fields for line in _locals(inner)),
        "    while p < end:",
        "        tag, value, length, p = field(b, p, end)",
        "        if p < 0:",
        "            return p",
        *indented(_branches(layout, one, child, names), 2),
        *indented(checks),
        *indented(line for inner in child.fields for line in _text(inner, names)),
        *indented(["over = np.int64(seen - (walk.n[rows] - first))"] if attributes else []),
        "    c = walk.columns",
        *indented(line for inner in child.fields for line in _puts(table, inner, names)),
        "    if walk.kept_max < 0:",
        "        return np.int64(0)",
        f"    if k + 1 >= walk.room[{number}]:",
        f"        return np.int64(NO_ROOM - {number})",
        f"    walk.n[{number}] = k + 1",
        *indented([f"put64(c[{table.place('attributes_first')}], k + 1, walk.n[rows])"] if attributes else []),
        f"    return {'over' if attributes else 'np.int64(0)'}",
    ]


def _begin(layout: Layout, attributes: Field | None, names: Imports) -> list[str]:
    if attributes is None:
        return []
    table = names.own(layout.table(attributes.column).name.upper())
    return [f"rows = np.int64({table})", "first = walk.n[rows]", "seen: Int = np.int64(0)"]


def _locals(inner: Field) -> list[str]:
    if inner.keep is Keep.ATTRIBUTES:
        return []
    if inner.keep in (Keep.TEXT, Keep.ID, Keep.REFERENCE):
        return [f"{inner.column}_at: Int = np.int64(p)", f"{inner.column}_length: Int = np.int64(0)"]
    return [f"{inner.column}: Int = np.int64(0)"]


def _branches(layout: Layout, one: Field, child: Child, names: Imports) -> list[str]:
    lines: list[str] = []
    for inner in child.fields:
        lines.append(f"{'el' if lines else ''}if tag == {names.own(tag(inner, one.column))}:")
        if inner.keep is Keep.ATTRIBUTES:
            names.use("leaf", "child_attribute")
            column = layout.table(inner.column).first
            lines += [
                f"    code = child_attribute(b, value, value + length, rows, np.int64({column}), first, walk)",
                "    if code < 0:",
                "        return code",
                "    seen += 1 - code",
            ]
        elif inner.keep in (Keep.TEXT, Keep.ID, Keep.REFERENCE):
            lines.append(f"    {inner.column}_at, {inner.column}_length = value, length")
        else:
            lines.append(f"    {inner.column} = value")
    return lines


def _text(inner: Field, names: Imports) -> list[str]:
    if inner.keep is not Keep.TEXT:
        return []
    names.use("codes", "INVALID_UTF8")
    names.use("leaf", "is_sound")
    return [f"if not is_sound(b, {inner.column}_at, {inner.column}_length):", "    return np.int64(INVALID_UTF8)"]


def _puts(table: Table, inner: Field, names: Imports) -> list[str]:
    if inner.keep is Keep.ATTRIBUTES:
        return []
    values = [f"{inner.column}_at", f"{inner.column}_length"] if inner.keep is Keep.TEXT else [inner.column]
    if inner.name == "dropped_attributes_count":
        values = [f"{inner.column} + over"]
    return [
        f"{names.use('memory', PUT[kind])}(c[{table.place(name)}], k, {value})"
        for (name, kind), value in zip(columns_of(inner), values, strict=True)
    ]
