"""The text of a leaf's kernels module: reading a leaf, checking and writing it as a row, and the scan of many requests.

Promises: kernels read fields in any order, the last of several wins, as in protobuf; texts, ids and enums are checked as the table says. The text is
as the formatter would leave it.
"""

from collections.abc import Iterable, Iterator

from pipeline.stages.making.layout import LISTS, Layout, columns_of, parts
from pipeline.stages.making.text import PUT, Imports, block, checked_ids, indented, tag
from pipeline.stages.making.usual import usual_text
from schemas.otlp import Field, Keep, Wire

CODES, ENVELOPE, LEAF, COUNTED = ("codes", "envelope", "leaf", "counted")


def kernels_text(layout: Layout) -> str:
    """The module."""
    names = Imports(layout.leaf.name)
    functions = [
        _scan(names),
        _leaf(layout, names),
        *([usual_text(layout, names)] if layout.leaf.usual else []),
        _read(layout, names),
        *(_part(one, names) for one in layout.leaf.fields if one.keep is Keep.PART),
        _write(layout, names),
    ]
    head = f'"""Kernels of {layout.leaf.proto}, generated from `schemas.otlp`: don\'t edit."""\n'
    return "\n\n".join([f"{head}\n{names.text()}", *functions])


def _scan(names: Imports) -> str:
    names.use(ENVELOPE, "LEAF", "Requests", "begin_record", "end_record", "next_leaf")
    return block([
        "@bare",
        "def scan(b: U8, requests: Requests, walk: Walk, begin: Int) -> tuple[Int, Int]:",
        '    """Scan records from `begin` on: (the record where it stopped, the full table), or (number of records, -1)."""',
        "    for i in range(begin, len(requests.status)):",
        "        if requests.status[i] != 0:",
        "            continue",
        "        begin_record(i, requests, walk)",
        "        code = next_leaf(b, walk)",
        "        while code == LEAF:",
        "            code = _leaf(b, walk)",
        "            if code == 0:",
        "                code = next_leaf(b, walk)",
        "        full = end_record(i, code, requests, walk)",
        "        if full >= 0:",
        "            return np.int64(i), full",
        "    return np.int64(len(requests.status)), np.int64(-1)",
    ])  # fmt: skip


def _leaf(layout: Layout, names: Imports) -> str:
    names.use(CODES, "NO_ROOM")
    names.use(COUNTED, "DROPPED")
    names.use(ENVELOPE, "bury", "code_of_owners", "put_place")
    names.use("frames", "ATTRIBUTES", "LEAVES", "LEAF_COLUMNS")
    names.use(LEAF, "begin_leaf")
    names.use("memory", "put64")
    names.use("walk", "copied")
    names.own("SCRATCH")
    names.decorators("folded", "inlined")
    return block([
        "@inlined",
        "def _leaf(b: U8, walk: Walk) -> Int:",
        '    """One leaf: a row, or a row in `Bad`; a code only where there is no room."""',
        "    if walk.rows != 0:",
        "        copied(walk.n, walk.before_leaf)",
        "    begin_leaf(SCRATCH, walk)",
        "    k = walk.n[LEAVES]",
        "    code = _read(b, walk.leaf_at, walk.leaf_end, walk)",
        "    if code == 0:",
        "        code = code_of_owners(walk)",
        "    if code == 0:",
        "        code = _write(b, k, walk)",
        "    if code <= NO_ROOM:",
        "        return code",
        "    if code < 0:",
        "        return bury(code, walk)",
        "    if k + 1 >= walk.room[LEAVES]:",
        "        return np.int64(NO_ROOM - LEAVES)",
        *indented(_numbered(layout, names)),
        "    walk.n[LEAVES] = k + 1",
        "    put_place(k, np.int64(LEAF_COLUMNS), walk)",
        "    if walk.rows != 0:",
        "        walk.counted[DROPPED] += walk.over + max(np.int64(0), walk.own - walk.attributes_max)",
        *indented(_lists(layout, names), 2),
        "    return np.int64(0)",
    ])  # fmt: skip


def _numbered(layout: Layout, names: Imports) -> Iterator[str]:
    if not layout.leaf.numbered:
        return
    table = layout.table(f"{layout.leaf.numbered}s")
    slot = names.own(layout.leaf.numbered.upper())
    number = names.own(table.name.upper())
    names.own("LEN")
    names.use(LEAF, "numbered")
    names.use("memory", "put32")
    column = layout.row.place(f"{layout.leaf.numbered}_number")
    yield f"number = numbered(b, walk.f[{slot}], walk.f[{slot} + LEN], np.int64({number}), np.int64({table.first}), walk)"
    yield "if number < 0:"
    yield f"    return np.int64(NO_ROOM - {number})"
    yield f"put32(walk.columns[{column}], k, number)"


def _lists(layout: Layout, names: Imports) -> Iterator[str]:
    for one in layout.leaf.fields:
        if one.keep in LISTS:
            table = "ATTRIBUTES" if one.keep is Keep.ATTRIBUTES else names.own(one.column.upper())
            yield f"put64(walk.columns[{layout.row.place(f'{one.column}_first')}], k + 1, walk.n[{table}])"


def _read(layout: Layout, names: Imports) -> str:
    names.use("fields", "field")
    for name in ("LEN", "NUMBER_MAX", "WIRE"):
        names.own(name)
    more = [one for one in layout.leaf.fields if one.keep in (*LISTS, Keep.VALUE, Keep.PART)]
    branches: list[str] = []
    for one in more:
        branches += [
            f"{'el' if branches else ''}if tag == {names.own(tag(one))}:",
            *indented(_more(layout, one, names)),
        ]
    began = ["        began = p"] if any(one.keep is Keep.VALUE for one in more) else []
    usual = ["    p = _usual(b, p, end, f)"] if layout.leaf.usual else []
    return block([
        "@folded",
        "def _read(b: U8, p: Int, end: Int, walk: Walk) -> Int:",
        '    """Collect one leaf\'s fields in the scratch row; write its attributes and children; 0 or a code."""',
        "    f = walk.f",
        *usual,
        "    while p < end:",
        *began,
        "        tag, value, length, p = field(b, p, end)",
        "        if p < 0:",
        "            return p",
        "        number = tag >> 3",
        "        if number <= NUMBER_MAX and WIRE[number] == tag & 7:",
        "            f[number] = value",
        "            f[number + LEN] = length",
        "            continue",
        "        code: Int = np.int64(0)",
        *indented(branches, 2),
        "        if code < 0:",
        "            return code",
        "    return np.int64(0)",
    ])  # fmt: skip


def _more(layout: Layout, one: Field, names: Imports) -> list[str]:
    """What is done with a field that is not simply kept."""
    if one.keep is Keep.ATTRIBUTES:
        return _own_attribute(layout, names)
    if one.keep is Keep.VALUE:
        names.use(LEAF, "value_piece")
        slot = names.own(one.column.upper())
        return [f"code = value_piece(b, value, length, began, np.int64({slot}), np.int64({slot} + LEN), walk)"]
    if one.keep is Keep.PART:
        return [f"code = _{one.name}(b, value, value + length, walk)"]
    names.use(f"leaves.{layout.leaf.name}_children", f"read_{one.column}")
    return [f"code = read_{one.column}(b, value, value + length, walk)", "walk.over += max(np.int64(0), code)"]


def _own_attribute(layout: Layout, names: Imports) -> list[str]:
    names.use(LEAF, "LEAF_DEPTH", "keep_attribute", "read_attribute")
    names.use("frames", "ATTRIBUTES", "ATTRIBUTE_COLUMNS")
    names.use("walk", "rows_at")
    lines = [
        "j = walk.n[ATTRIBUTES]",
        "rows = rows_at(walk.columns, np.int64(ATTRIBUTE_COLUMNS))",
        "code = read_attribute(b, value, value + length, np.int64(LEAF_DEPTH), j, rows, walk)",
        "if code < 0:",
        "    return code",
    ]
    if layout.leaf.noted_lengths:
        names.use(f"rules.{layout.leaf.name}", "note")
        lengths = " | ".join(f"1 << {length}" for length in layout.leaf.noted_lengths)
        lines += [
            "key_length = np.int64(rows.key_length[np.uint64(j)])",
            f"if key_length < 32 and ({lengths}) >> key_length & 1 != 0:",
            "    note(b, rows, j, walk)",
        ]
    return [*lines, "code = keep_attribute(b, j, rows, walk)"]


def _part(one: Field, names: Imports) -> str:
    names.use("fields", "field")
    names.own("LEN")
    branches: list[str] = []
    for inner in parts(one):
        slot = names.own(inner.column.upper())
        branches += [
            f"{'el' if branches else ''}if tag == {names.own(tag(inner, one.name))}:",
            f"    f[{slot}] = value",
            *([f"    f[{slot} + LEN] = length"] if inner.wire is Wire.LENGTH else []),
        ]
    return block([
        "@bare",
        f"def _{one.name}(b: U8, p: Int, end: Int, walk: Walk) -> Int:",
        f'    """Collect the fields of `{one.name}`; 0 or a code."""',
        "    f = walk.f",
        "    while p < end:",
        "        tag, value, length, p = field(b, p, end)",
        "        if p < 0:",
        "            return p",
        *indented(branches, 2),
        "    return np.int64(0)",
    ])  # fmt: skip


def _write(layout: Layout, names: Imports) -> str:
    names.use(f"rules.{layout.leaf.name}", "check")
    fields = [inner for one in layout.leaf.fields for inner in (parts(one) if one.keep is Keep.PART else (one,))]
    ids = [one for one in fields if one.keep in (Keep.ID, Keep.REFERENCE)]
    lines = [
        "@folded",
        "def _write(b: U8, k: Int, walk: Walk) -> Int:",
        '    """Check what was collected of a leaf and write it as row k; 0 or a code."""',
        "    f, c = walk.f, walk.columns",
        *indented(checked_ids(ids, lambda one: f"f[{names.own(one.column.upper())}]", names)),
    ]
    for one in fields:
        if one.keep is Keep.TEXT:
            lines += indented(_text(one, names, often=one.name in layout.leaf.usual))
    lines += ["    code = check(b, walk)", "    if code < 0:", "        return code"]
    for one in fields:
        lines += indented(_put(layout, one, names))
    for name, kind in layout.leaf.made:
        put = names.use("memory", PUT[kind])
        lines.append(f"    {put}(c[{layout.row.place(name)}], k, f[{names.own(name.upper())}])")
    return block([*lines, "    return np.int64(0)"])


def _text(one: Field, names: Imports, *, often: bool) -> list[str]:
    """Lines that check a text; one that nearly every leaf has without a call."""
    slot = names.own(one.column.upper())
    names.use(CODES, "INVALID_UTF8")
    if often:
        names.use("utf8", "is_utf8")
        check = f"if not is_utf8(b, f[{slot}], f[{slot}] + f[{slot} + LEN]):"
    else:
        names.use(LEAF, "is_sound")
        check = f"if f[{slot} + LEN] != 0 and not is_sound(b, f[{slot}], f[{slot} + LEN]):"
    lines = [check, "    return np.int64(INVALID_UTF8)"]
    if one.most:
        names.use(LEAF, "cut")
        lines += [
            f"if f[{slot} + LEN] > {one.most}:",
            f"    cut(b, np.int64({slot}), np.int64({slot} + LEN), np.int64({one.most}), walk)",
        ]
    return lines


def _put(layout: Layout, one: Field, names: Imports) -> Iterable[str]:
    """Lines that write a field's columns."""
    slot = one.column.upper()
    for (name, kind), value in zip(columns_of(one), _values(one, slot, names), strict=False):
        put = names.use("memory", PUT[kind])
        yield f"{put}(c[{layout.row.place(name)}], k, {value})"


def _values(one: Field, slot: str, names: Imports) -> list[str]:
    if one.keep in LISTS:
        return []
    names.own(slot)
    if one.keep in (Keep.ID, Keep.REFERENCE):
        return [one.column]
    if one.keep is Keep.TEXT:
        return [f"f[{slot}]", f"f[{slot} + LEN]"]
    if one.keep is Keep.VALUE:
        names.use(LEAF, "value_at", "value_length")
        places = f"np.int64({slot}), np.int64({slot} + LEN), walk"
        return [f"f[{slot} + 1]", f"value_at({places})", f"value_length({places})"]
    if one.keep is Keep.ENUM:
        names.use(LEAF, "known_number")
        return [f"known_number(f[{slot}], np.int64({one.most}))"]
    if one.name == "dropped_attributes_count":
        names.use(LEAF, "dropped")
        return [f"dropped(f[{slot}], walk)"]
    return [f"f[{slot}]"]
