"""The SQL that follows from a family: what stands for spans is what would be made for them today."""

from dataclasses import replace
from importlib.resources import files

import pytest

from pipeline.sinks.blocks.rows import partials_block, series_block
from pipeline.sinks.clickhouse import family_sql
from pipeline.sinks.clickhouse.schema import Migration, migrations, split
from schemas.families.base import Family, Figure
from schemas.families.spans import SPANS
from tests.support.second_family import JOBS
from tests.support.table_definitions import faults, migrated

FAMILIES = [SPANS, JOBS]


def made(family: Family) -> dict[str, str]:
    return named(split(family_sql.migration(family)))


def named(statements: list[str]) -> dict[str, str]:
    return {statement.partition("(")[0].partition(" AS")[0].strip(): statement for statement in statements}


def test_tables_and_roll_ups_of_spans_are_those_of_the_migrations() -> None:
    stand = named([statement for migration in migrations() for statement in split(migration.text)])
    ours = {name: statement for name, statement in made(SPANS).items() if not name.startswith("CREATE OR REPLACE VIEW")}
    assert len(ours) == 6
    assert ours == {name: stand[name] for name in ours}


def test_lines_about_retention_of_spans_are_those_of_the_file() -> None:
    lines = family_sql.retention(SPANS).splitlines()
    text = (files("infra") / "clickhouse" / "retention.sql").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 4
    assert set(lines) <= set(text)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))
def test_blocks_of_a_family_fit_its_tables(family: Family) -> None:
    tables = migrated([Migration(1, "family", family_sql.migration(family))])
    assert faults(partials_block(family), tables[family.partials_table]) == []
    assert faults(series_block(family), tables[family.series_table]) == []
    assert (
        tables[f"{family.partials_table}_1m"] == tables[f"{family.partials_table}_1h"] == tables[family.partials_table]
    )


@pytest.mark.parametrize("name", ["x y", "x;", "x'", "ä", "1x", "x)", "x{y}"])
def test_a_name_that_is_no_plain_word_never_reaches_sql(name: str) -> None:
    part = replace(JOBS, sums=tuple(replace(one, part=one.part and replace(one.part, value=name)) for one in JOBS.sums))
    for family in (replace(JOBS, name=name), replace(JOBS, series_table=name), replace(JOBS, sketch=name), part):
        with pytest.raises(ValueError, match="is no name for a table or a column"):
            family_sql.migration(family)
    for make in (family_sql.closed_range, family_sql.retention):
        with pytest.raises(ValueError, match="is no name for a table or a column"):
            make(replace(JOBS, series_table=name))


def test_a_figure_that_is_more_than_arithmetic_is_told() -> None:
    figure = Figure("odd", "1", lambda given: max(given.sums["jobs"], 1))
    with pytest.raises(TypeError):
        family_sql.migration(replace(JOBS, figures=(*JOBS.figures, figure)))
