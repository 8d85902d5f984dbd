"""The examples of requests, decoded and summed: no span is lost on the way, with rows and without."""

import numpy as np

from pipeline.model.records import Records
from pipeline.stages.aggregate import AggregateRules, aggregate
from pipeline.stages.decode import DecodeRules, decode
from tests.support.aggregated import rows
from tests.support.otlp_examples import EXAMPLES_MS, examples


def _records() -> Records:
    values = (*examples("valid").values(), *examples("invalid").values())
    n = len(values)
    return Records("otlp_spans", "e" * 32, 0, 0, n, values, np.arange(n), np.full(n, EXAMPLES_MS))


def test_every_sound_span_of_the_examples_is_summed_once() -> None:
    records = _records()
    partials = []
    for with_rows in (True, False):
        decoded = decode(records, DecodeRules(), rows=with_rows)
        partials.append(rows(aggregate(decoded.spans, records, AggregateRules()).rows))
        assert sum(row["spans"] for row in partials[-1].values()) == len(decoded.spans)
    assert partials[0] == partials[1]


def test_the_examples_say_what_their_names_promise() -> None:
    records = _records()
    found = rows(aggregate(decode(records, DecodeRules(), rows=False).spans, records, AggregateRules()).rows)
    by_name = {(key[2], key[4], key[6]): row["calls"] for key, row in found.items()}
    assert by_name["shop", "half", "ok"] == 2.0
    assert by_name["shop", "tenth", "ok"] == 10.0
    assert by_name["legacy", "GET", "error"] == 1.0
    assert by_name["unknown_service", "", "ok"] == 1.0
