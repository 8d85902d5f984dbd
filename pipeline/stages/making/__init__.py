"""Kernels from tables: `python -m pipeline.stages.making` writes `pipeline/kernels/wire/leaves/` from `schemas.otlp.LEAVES`.

Generated modules are checked in (numba caches nothing that was only executed), and a test makes them again and compares.
"""

from pipeline.stages.making.children import children_text
from pipeline.stages.making.columns import columns_text
from pipeline.stages.making.kernels import kernels_text
from pipeline.stages.making.layout import Layout
from schemas.otlp import LEAVES


def modules() -> dict[str, str]:
    """File name → text of all generated modules."""
    made: dict[str, str] = {}
    for leaf in LEAVES:
        layout = Layout.of(leaf)
        made[f"{leaf.name}_columns.py"] = columns_text(layout)
        made[f"{leaf.name}.py"] = kernels_text(layout)
        if children := children_text(layout):
            made[f"{leaf.name}_children.py"] = children
    return made
