"""The SQL of a family: its tables, roll-ups and views as a migration, its TTLs, and the queries that read its closed windows.

    python -m pipeline.sinks.clickhouse.family_sql MODULE:FAMILY     such as schemas.families.spans:SPANS

prints the migration of a new family: into infra/clickhouse/migrations under the next free number, and the lines about
TTLs into retention.sql.

Promises: text follows from the family alone, and from the templates in infra/clickhouse/{family,queries}; a name that
is no plain word is refused. The tables are those that `blocks.rows` writes. Talks to no server.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.resources import files
from string import Template

from pipeline.sinks.blocks.arrow_rows import arrow_columns
from pipeline.sinks.clickhouse.schema import split
from schemas.families.base import Family, Figure, Given, Kind, Sum

WINDOW = "10s"
ROLL_UPS = {"1m": "toStartOfMinute", "1h": "toStartOfHour"}
"""What windows are rolled up to, and the function that gives the start."""
QUANTILE_NS = 1e6
"""`latency_quantile_ms` takes a sketch's unit for a nanosecond and tells milliseconds."""
_LENGTHS_S = {WINDOW: 10, "1m": 60, "1h": 3600}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KEY = "LowCardinality(String)"
_ZSTD = " CODEC(ZSTD(1))"
_COLUMN = ",\n    "


def migration(family: Family) -> str:
    """All statements that a new family needs, as the text of a migration; settings stay to be filled in.

    ValueError: a name that is no plain word.
    """
    _checked(family)
    tables = [_partials(family, "toDate(window_start)", family.partials_table)]
    tables += [_partials(family, "toYYYYMM(window_start)", f"{family.partials_table}_{name}") for name in ROLL_UPS]
    views = [_roll_up(family, name) for name in ROLL_UPS]
    figures = [_figures(family, name) for name in _LENGTHS_S]
    return "\n".join([*tables, *views, _series(family), *figures])


def retention(family: Family) -> str:
    """The family's lines of retention.sql."""
    table, hours = _checked(family).partials_table, ("Hour", "retain_windows_10s_h")
    lasting = {
        table: hours,
        f"{table}_1m": ("Day", "retain_windows_1m_d"),
        f"{table}_1h": ("Day", "retain_windows_1h_d"),
        family.series_table: hours,
    }
    return "".join(
        _filled("family/retention", table=one, unit=unit, setting=setting) for one, (unit, setting) in lasting.items()
    )


def closed_range(family: Family) -> str:
    """The query for which closed windows one partition has. Parameters: partition, epoch, since (Unix seconds)."""
    return _query("closed_range", table=_checked(family).series_table)


def closed_partitions(family: Family) -> str:
    """The query for which partitions have closed windows: partition, epoch, first and last start, windows, rows. Parameters: since, until."""
    return _query("closed_partitions", table=_checked(family).series_table)


def closed_places(family: Family) -> str:
    """The query for the places of each partition. Parameters: since, until (Unix seconds)."""
    return _query("closed_places", table=_checked(family).series_table, columns=", ".join(family.place))


def closed_columns(family: Family, columns: Sequence[str]) -> str:
    """As `closed_windows`, of some columns of `family.closed`."""
    names = [column.name for column in arrow_columns(_checked(family).closed)]
    wanted = ["window_start" if name == "window_start_s" else name for name in columns]
    if unknown := set(wanted) - set(names):
        raise ValueError(f"no columns of closed windows: {', '.join(sorted(unknown))}")
    return _query("closed_windows", table=family.series_table, columns=", ".join(wanted))


def closed_windows(family: Family, *, figures: bool) -> str:
    """The query for closed windows of one partition; without `figures` the keys and the windows' own sums alone.

    Parameters: also until.
    """
    columns = arrow_columns(_checked(family).closed if figures else family.own)
    names = ", ".join(column.name for column in columns)
    return _query("closed_windows", table=family.series_table, columns=names)


def _partials(family: Family, partition: str, table: str) -> str:
    kinds = {one.name: one.type for one in arrow_columns(family.partials)}
    columns = [f"{key} {_KEY}" for key in family.partial_keys]
    for one in _stored(family):
        columns.append(f"{one.name} SimpleAggregateFunction({_function(one)}, {kinds[one.name]}){_ZSTD}")
    if family.sketch:
        columns.append(f"{family.sketch} SimpleAggregateFunction(sumMap, {kinds[family.sketch]}){_ZSTD}")
    return _filled(
        "family/partials",
        family=family.name,
        table=table,
        columns=_COLUMN.join(columns),
        partition=partition,
        order=_sorted_by(family, family.partial_keys),
    )


def _roll_up(family: Family, name: str) -> str:
    columns = [*family.partial_keys, *(f"{_function(one)}(w.{one.name}) AS {one.name}" for one in _stored(family))]
    if family.sketch:
        columns.append(f"sumMap(w.{family.sketch}) AS {family.sketch}")
    return _filled(
        "family/roll_up",
        target=f"{family.partials_table}_{name}",
        table=family.partials_table,
        start=ROLL_UPS[name],
        columns=_COLUMN.join(columns),
        keys=", ".join(family.partial_keys),
    )


def _series(family: Family) -> str:
    columns = []
    for one in arrow_columns(family.closed):
        if one.name in family.keys:
            columns.append(f"{one.name} {_KEY}")
        elif one.name != "window_start":
            columns.append(f"{one.name} {one.type}{'' if one.type == 'Bool' else _ZSTD}")
    return _filled(
        "family/series",
        family=family.name,
        table=family.series_table,
        columns=_COLUMN.join(columns),
        order=_sorted_by(family, family.keys),
    )


def _figures(family: Family, name: str) -> str:
    """The view for people: figures per series and window, with versions and other details summed up."""
    sums = [
        *family.keys,
        *(f"{_of_series(one)} AS {one.name}" for one in family.sums),
        *([f"sumMap(w.{family.sketch}) AS {family.sketch}"] if family.sketch else []),
    ]
    terms = {one.name: Term(f"s.{one.name}") for one in family.sums}
    given = Given(terms, terms[family.came], _LENGTHS_S[name])
    figures = [f"{_figure(one, given, family.sketch)} AS {one.name}" for one in family.figures]
    extremes = [one.name for one in family.sums if not one.kind.adds]
    return _filled(
        "family/figures",
        view=f"{family.name}_{name}",
        table=family.partials_table + ("" if name == WINDOW else f"_{name}"),
        columns=_COLUMN.join([*family.keys, *figures, *extremes]),
        sums=(",\n" + " " * 8).join(sums),
        keys=", ".join(family.keys),
    )


def _figure(figure: Figure, given: Given, sketch: str | None) -> str:
    if figure.of is not None:
        return str(figure.of(given))
    factor = "" if figure.scale == QUANTILE_NS else f" * {QUANTILE_NS / figure.scale}"
    return f"latency_quantile_ms({figure.quantile}, s.{sketch}){factor}"


def _of_series(one: Sum) -> str:
    if one.part is not None:
        return f"sumIf(w.{one.part.of}, w.{one.part.key} = '{_word(one.part.value)}')"
    return f"{_function(one)}(w.{one.name})"


def _stored(family: Family) -> Iterator[Sum]:
    return (one for one in family.sums if one.part is None)


def _function(one: Sum) -> str:
    return {Kind.LEAST: "min", Kind.MOST: "max"}.get(one.kind, "sum")


def _sorted_by(family: Family, keys: Sequence[str]) -> str:
    first = [key for key in family.order if key in keys]
    return ", ".join([*first, *(key for key in keys if key not in first)])


def _query(name: str, **values: str) -> str:
    """Without the comment that says what it is."""
    return split(_filled(f"queries/{name}", **values))[0]


def _filled(template: str, **values: str) -> str:
    """A template with values put in. Names were checked."""
    text = (files("infra") / "clickhouse" / f"{template}.sql").read_text(encoding="utf-8")
    return Template(text).substitute(values)


def _word(name: str) -> str:
    if not _WORD.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a table or a column: letters, digits and _, a letter first")
    return name


def _checked(family: Family) -> Family:
    """The family, if all its names may stand in SQL."""
    for name in (family.name, family.partials_table, family.series_table, *family.partials.names, *family.closed.names):
        _word(name)
    return family


class Term:
    """A piece of SQL that arithmetic makes longer ones of.

    Given in place of numbers, a figure's own function tells its SQL.
    """

    def __init__(self, sql: str) -> None:
        self._sql = sql

    def __str__(self) -> str:
        return self._sql

    def __add__(self, other: object) -> "Term":
        return Term(f"({self} + {other})")

    def __radd__(self, other: object) -> "Term":
        return Term(f"({other} + {self})")

    def __sub__(self, other: object) -> "Term":
        return Term(f"({self} - {other})")

    def __rsub__(self, other: object) -> "Term":
        return Term(f"({other} - {self})")

    def __mul__(self, other: object) -> "Term":
        return Term(f"({self} * {other})")

    def __rmul__(self, other: object) -> "Term":
        return Term(f"({other} * {self})")

    def __truediv__(self, other: object) -> "Term":
        return Term(f"({self} / {other})")

    def __rtruediv__(self, other: object) -> "Term":
        return Term(f"({other} / {self})")


def main(where: str) -> None:
    """Print a family's migration and its TTLs."""
    module, _, name = where.partition(":")
    family = getattr(import_module(module), name)
    print(migration(family))
    print("-- Into infra/clickhouse/retention.sql:")
    print("".join(f"-- {line}\n" for line in retention(family).splitlines()), end="")


if __name__ == "__main__":
    main(sys.argv[1])
