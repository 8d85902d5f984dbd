"""The warm-up asks for every form of every kernel that work asks for later, whatever the records hold."""

from __future__ import annotations

import gc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from numba.core.dispatcher import Dispatcher

from pipeline import flow
from pipeline.app import warm_ups
from pipeline.detect.rule_files import parse
from pipeline.flow.route import SAMPLE_MS, records_of
from pipeline.flow.windows import RULES
from pipeline.settings import load
from pipeline.stages import windows_topic
from pipeline.stages.merge import MergeRules
from pipeline.stages.windows import PartitionWindows
from pipeline.warm import alone
from schemas import topics
from tests.support.otlp_examples import EXAMPLES_MS, examples
from tests.support.requests import random_request

FAMILIES = flow.families()


def test_only_what_lives_on_other_routes_waits_for_them() -> None:
    routes = flow.whole(flow.ROUTES)
    assert [routes[number - 1].topic for number in range(1, len(routes) + 1) if number not in alone(flow.ROUTES)] == [
        topics.WINDOWS
    ]


def test_no_record_asks_for_a_kernel_in_a_form_that_the_warm_up_left_out() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as fresh:  # this process has met other records
        asked, added = fresh.submit(forms_added_by_work).result()
    assert len(asked) > 20
    assert [name for name, _ in added] == []


def forms() -> set[tuple[str, str]]:
    """What stands compiled in this process, were it from the disk: kernel and types of its arguments."""
    kernels = [one for one in gc.get_objects() if isinstance(one, Dispatcher)]
    return {(kernel.py_func.__qualname__, str(form)) for kernel in kernels for form in kernel.signatures}


def forms_added_by_work() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Forms after the warm-up, and what work on records of all kinds adds to them."""
    settings, _ = load({})
    for warm in warm_ups(settings):
        warm()
    before = forms()
    spans = next(route for route in flow.ROUTES if route.topic == topics.SPANS)
    requests = [random_request(seed, now_ns=SAMPLE_MS * 10**6) for seed in range(8)]
    told = [*examples("valid").values(), *examples("invalid").values()]
    tight = load({}, attributes_max=2, attribute_value_max=16, series_per_service=3, spans_per_trace_max=1)[0]
    for chosen in (settings, tight):
        for values, at_ms in ((requests, SAMPLE_MS), (told, EXAMPLES_MS), ([requests[0]], SAMPLE_MS)):
            outcome = spans.work(chosen)(records_of(topics.SPANS, values, at_ms))
            both_stages([one.value for one in outcome.messages if one.topic == topics.WINDOWS])
    return sorted(before), sorted(forms() - before)


def both_stages(values: list[bytes]) -> None:
    """All windows closed and forgotten, each read back into another partition's state."""
    rules, _ = parse(RULES, FAMILIES)
    read = [windows_topic.read(value, FAMILIES) for value in values]
    sources = {family: frozenset([topics.SPANS]) for family in FAMILIES.values()}
    windows = PartitionWindows(0, read[0].source.epoch, sources, MergeRules(lateness_s=0), rules)
    again = PartitionWindows(0, read[0].source.epoch, sources, MergeRules(), ())
    for number, partials in enumerate(read):
        windows.accept(partials, number, 0)
    windows.look(2**53, {})
    for step in windows.steps():
        if step.closed.rows.num_rows:
            restoring = again.families[step.closed.family.name].restoring(step.closed.window_end_s, None, 0)
            restoring.add(step.closed.rows.rename_columns(["window_start", *step.closed.rows.column_names[1:]]))
            restoring.end()
