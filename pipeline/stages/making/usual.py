"""The text of the short way through a leaf's first fields, as nearly all exporters write them: by their bytes, without a look at each tag.

Promises: reads nothing else than the long way would; each field may be missing, and what stands elsewhere is left to the long way.
"""

from pipeline.stages.making.layout import Layout
from pipeline.stages.making.text import Imports, block, indented
from schemas.otlp import Field, Keep, Wire


def usual_text(layout: Layout, names: Imports) -> str:
    """The function `_usual`."""
    by_name = {one.name: one for one in layout.leaf.fields}
    names.use("fields", "word_at")
    names.use("frames", "I64")
    names.own("LEN")
    lines = [
        "@folded",
        "def _usual(b: U8, p: Int, end: Int, f: I64) -> Int:",
        '    """Collect the first fields where they stand in the usual order and size; the position behind. Each may be missing."""',
        "    word = word_at(b, p)",
    ]
    for name in layout.leaf.usual:
        lines += indented(_lines(by_name[name], names))
    return block([*lines[:-1], "    return p"])


def _lines(one: Field, names: Imports) -> list[str]:
    slot = names.own(one.column.upper())
    end = "word = word_at(b, p)"
    if one.keep in (Keep.ID, Keep.REFERENCE):
        return [
            f"if word & 0xFFFF == 0x{one.size << 8 | one.tag:04X} and end - p >= {one.size + 2}:",
            f"    f[{slot}] = p + 2",
            f"    f[{slot} + LEN] = {one.size}",
            f"    p += {one.size + 2}",
            f"    {end}",
        ]
    if one.keep is Keep.TEXT:
        return [
            "length = word >> 8 & 0xFF",
            f"if word & 0xFF == 0x{one.tag:02X} and length < 128 and length <= end - p - 2:",
            f"    f[{slot}] = p + 2",
            f"    f[{slot} + LEN] = length",
            "    p += 2 + length",
            f"    {end}",
        ]
    if one.wire is Wire.VARINT:
        return [
            f"if word & 0x80FF == 0x{one.tag:02X} and end - p >= 2:",
            f"    f[{slot}] = word >> 8 & 0xFF",
            "    p += 2",
            f"    {end}",
        ]
    return [
        f"if word & 0xFF == 0x{one.tag:02X} and end - p >= 9:",
        f"    f[{slot}] = word_at(b, p + 1)",
        "    p += 9",
        f"    {end}",
    ]
