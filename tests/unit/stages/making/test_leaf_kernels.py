"""Leaves' kernels are exactly what their tables make, and every leaf has its rules."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.kernels.wire import leaves
from pipeline.kernels.wire.walk import COLUMNS_MAX, SCRATCH_MAX, TABLES_MAX
from pipeline.stages.making import modules
from pipeline.stages.making.columns import columns_text
from pipeline.stages.making.kernels import kernels_text
from pipeline.stages.making.layout import Layout
from schemas.otlp import LEAVES, Keep, Leaf
from schemas.otlp.points import EXPONENTIAL_HISTOGRAM, HISTOGRAM, NUMBER

FOLDER = Path(leaves.__path__[0])


def test_the_modules_that_are_checked_in_are_those_that_the_tables_make() -> None:
    made = modules()
    assert {path.name for path in FOLDER.glob("*.py")} == {"__init__.py", *made}
    for name, text in made.items():
        assert (FOLDER / name).read_text() == text, f"{name}: run `python -m pipeline.stages.making`"


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_a_change_to_any_field_of_a_table_changes_what_it_makes(leaf: Leaf) -> None:
    before = [text(Layout.of(leaf)) for text in (columns_text, kernels_text)]
    for i, one in enumerate(leaf.fields):
        number = max(field.number for field in leaf.fields) + 1
        moved = replace(leaf, fields=(*leaf.fields[:i], replace(one, number=number), *leaf.fields[i + 1 :]))
        assert [text(Layout.of(moved)) for text in (columns_text, kernels_text)] != before, one.name


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_what_a_leaf_needs_fits_into_the_walk_and_no_two_fields_share_a_slot(leaf: Leaf) -> None:
    layout = Layout.of(leaf)
    last = (layout.own or (layout.row,))[-1]
    assert last.first + len(last.columns) <= COLUMNS_MAX
    assert last.number < TABLES_MAX
    assert 2 * layout.length_after <= SCRATCH_MAX
    assert len(set(layout.slots.values())) == len(layout.slots)
    assert not {one.number for one in leaf.fields if one.keep is Keep.ATTRIBUTES} & set(layout.slots.values())


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
def test_tables_stand_in_the_order_of_their_addresses(leaf: Leaf) -> None:
    layout = Layout.of(leaf)
    tables = import_module(f"pipeline.kernels.wire.leaves.{leaf.name}_columns").Tables
    kinds = list(tables.__annotations__.items())
    at = 0
    first = {}
    for number, (name, kind) in enumerate(kinds):
        first[name] = (number, at)
        at += len(kind._fields)
    for table in (layout.row, *layout.own):
        assert first[table.name] == (table.number, table.first)


@pytest.mark.parametrize("leaf", [NUMBER, HISTOGRAM, EXPONENTIAL_HISTOGRAM], ids=lambda leaf: leaf.name)
def test_a_table_that_says_more_than_kernels_can_is_refused(leaf: Leaf) -> None:
    with pytest.raises(ValueError, match="no kernel"):
        Layout.of(leaf)
