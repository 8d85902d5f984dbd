"""`tailrace flow` says what the table of routes says."""

import json

from typer.testing import CliRunner

from pipeline.cli import build
from pipeline.flow import families, sources, whole
from schemas.topics import WINDOWS

RUN = CliRunner()


def test_every_route_and_family_is_printed_with_all_that_it_declares() -> None:
    answer = RUN.invoke(build(), ["flow"])
    assert answer.exit_code == 0
    _, *blocks = ("\n" + answer.output).replace("\nfamily ", "\ntopic ").split("\ntopic ")
    told = {block.partition("\n")[0]: block for block in blocks}
    assert [*told] == [*(route.topic for route in whole()), *families()]
    for route in whole():
        words = {*route.stages, *route.tables, *route.topics, *route.row_shaping, *route.counts, route.item}
        assert all(word in told[route.topic] for word in words)
    for name, family in families().items():
        assert all(word in told[name] for word in (*family.keys, family.partials_table, family.series_table))


def test_json_is_one_object_of_routes_and_families() -> None:
    answer = RUN.invoke(build(), ["flow", "--json"])
    told = json.loads(answer.output)
    assert {one["topic"]: tuple(one["tables"]) for one in told["routes"]} == {r.topic: r.tables for r in whole()}
    assert [one["topic"] for one in told["routes"] if one["run_by"] == "windowing"] == [WINDOWS]
    assert {one["name"]: {*one["sources"]} for one in told["families"]} == {name: sources(name) for name in families()}
