"""Routing files: what is wrong is named with its line and its cure, and no secret is in any word."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema import ValidationError as JsonSchemaError

from pipeline.errors import Misconfigured
from pipeline.notify import schema
from pipeline.notify.channels import Secret
from pipeline.notify.files import BadRoutes, load, parse

EXAMPLE = Path(__file__).parents[3] / "examples" / "routes.yaml"
GOOD = """\
route:
  receiver: team
  group_by: [alertname]
  routes:
    - matchers: ['severity="critical"']
      receiver: pager
      escalation: wake
      continue: true
      mute_time_intervals: [nights]
receivers:
  - name: team
    channels:
      - kind: webhook
        url: https://example.org/hook
  - name: pager
    on_call: web
    fallback: team
people:
  - name: ann
    channels:
      - {kind: slack, url: '${SLACK}'}
rotations:
  - name: web
    people: [ann]
    start: 2026-01-05
escalations:
  - name: wake
    steps:
      - receivers: team
time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: 20:00, end_time: 23:00}]
        days_of_month: [1:5]
"""
"""Times stand without quotes: YAML 1.1 takes 20:00 for 1200, and 1:5 for 65."""

QUOTED = (
    GOOD.replace("20:00", "'20:00'").replace("23:00", "'23:00'").replace("1:5", "'1:5'").replace("-05\n", "-05T09:00\n")
)


def test_a_good_file_is_read_with_alertmanagers_and_our_defaults() -> None:
    file, problems = parse(GOOD)
    assert problems == []
    assert file is not None
    assert file.escalations[0].steps[0].wait_s == 300
    stretch = file.time_intervals[0].time_intervals[0]
    assert (stretch.times[0].start_time, stretch.days_of_month) == (1200, ((1, 5),))
    assert file.route.routes[0].continue_


def test_the_shipped_example_is_right() -> None:
    assert load(EXAMPLE).receiver("on-call").on_call == "web"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("  receiver: team\n", "", 1, "has no receiver"),
        ("  group_by: [alertname]", "  matchers: [a=b]", 3, "takes every alert"),
        ("  group_by: [alertname]", "  continue: true", 3, "takes every alert"),
        ("  group_by: [alertname]", "  mute_time_intervals: [nights]", 3, "takes every alert"),
        ("  group_by: [alertname]", "  group_by: ['...', a]", 3, "leave out the others"),
        ("  group_by: [alertname]", "  group_by: [a, a]", 3, "stands twice"),
        ("  group_by: [alertname]", "  group_interval: 0s", 3, "greater than or equal to 1"),
        ("  group_by: [alertname]", "  group_wait: soon", 3, "is not a duration"),
        ("  group_by: [alertname]", "  group_buy: [a]", 3, "Did you mean 'group_by'?"),
        ("'severity=\"critical\"'", "severity", 5, "is no matcher"),
        ("'severity=\"critical\"'", "'severity=~\"(\"'", 5, "no regular expression"),
        ("receiver: pager", "receiver: pagr", 6, "Did you mean 'pager'?"),
        ("escalation: wake", "escalation: woke", 7, "Did you mean 'wake'?"),
        ("[nights]", "[night]", 9, "Did you mean 'nights'?"),
        ("kind: webhook", "kind: webhok", 13, "is no kind of channel"),
        ("kind: webhook", "send_resolved: true", 13, "'receivers.0.channels.0.kind' is missing"),
        ("url: https://example.org/hook", "uri: https://example.org/hook", 14, "Did you mean 'url'?"),
        ("url: https://example.org/hook", "url: ftp://example.org", 14, "is no address"),
        ("url: https://example.org/hook", "url_file: a\n        url: https://b", 13, "say either url or url_file"),
        ("on_call: web", "on_call: wbe", 16, "Did you mean 'web'?"),
        ("fallback: team", "fallback: pager", 17, "in a circle"),
        ("    on_call: web\n", "", 15, "can tell nobody"),
        ("people: [ann]", "people: [ann, bob]", 24, "no 'bob' among people"),
        ("start: 2026-01-05", "start: monday", 25, "write one like"),
        ("name: wake", "name: none", 27, "means no escalation"),
        ("receivers: team", "receivers: tema", 29, "Did you mean 'team'?"),
        ("end_time: 23:00", "end_time: 19:00", 33, "must be before"),
        ("1:5", "5:1", 34, "ends before it begins"),
        ("route:", "rute:", 1, "Did you mean 'route'?"),
        ("  - name: pager", "  - name: team", 15, "stands twice"),
        ("  receiver: team", "  receiver: &a team", 0, ""),
        ("  receiver: team", "  receiver: *a", 1, "alias"),
        ("  receiver: team", "  receiver: [team", 3, "not YAML"),
    ],
)
def test_a_wrong_place_is_named_with_line_and_cure(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    _, problems = parse(GOOD.replace(old, new, 1))
    if line:
        assert any(one.line == line and says in f"{one.message}. {one.cure}" for one in problems), problems
    else:
        assert not problems


def test_all_problems_are_told_at_once() -> None:
    _, problems = parse(
        GOOD.replace("receiver: pager", "receiver: x").replace("[nights]", "[y]").replace("[ann]", "[z]")
    )
    assert [problem.line for problem in problems] == [6, 9, 24]


@pytest.mark.parametrize("levels", [40, 200, 1000, 20_000])
def test_a_tree_that_is_too_deep_is_refused(levels: int) -> None:
    deep = "{routes: [" * levels + "]}" * levels
    _, problems = parse(GOOD.replace("  routes:\n", f"  routes:\n    - {deep}\n", 1))
    assert any("nested too deeply" in problem.message for problem in problems)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    channels:\n      - kind: webhook", "    channels: no\n    x:\n      - kind: webhook", "should be a list"),
        ("  - name: ann\n    channels:", "  - ann\n  - name: bob\n    channels:", "should be a mapping"),
        ("receivers:\n  - name: team", "recievers:\n  - name: team", "Did you mean 'receivers'?"),
    ],
)
def test_a_wrong_shape_is_told_in_the_words_of_yaml(old: str, new: str, says: str) -> None:
    assert old in GOOD
    _, problems = parse(GOOD.replace(old, new, 1))
    assert any(says in f"{one.message}. {one.cure}" for one in problems), problems


@pytest.mark.parametrize(
    "text", ["", "- a", "route", "route: 3\nreceivers: 4", "route: {}\nreceivers: []", "? [a]\n: b"]
)
def test_what_is_no_routing_file_is_told(text: str) -> None:
    file, problems = parse(text)
    assert problems
    assert file is None or not file.receivers


@pytest.mark.parametrize(
    "channel",
    [
        "{kind: slack, url: 'https://hooks.example.org/hunter2'}",
        "{kind: slack, url: 'https://hooks.example.org/hunter2', url_file: x}",
        "{kind: webhook, url: 'https://ann:hunter2@example.org'}",
        "{kind: webhook, url: 'https://example.org', secret_key: hunter2}",
        "{kind: pagerduty, routing_key: hunter2}",
        "{kind: telegram, bot_token: hunter2, chat_id: x}",
        "{kind: email, to: [a@b], from: c@d, smarthost: 'e:25', password: hunter2}",
        "{kind: apprise, url: 'twilio://hunter2'}",
        "{kind: opsgenie, api_key: [hunter2]}",
        "{kind: slack, url: '${hunter2'}",
        "{kind: slack, url: !vault hunter2}",
        "{kind: slack, url: !!int hunter2}",
        "{kind: slack, url: !!timestamp hunter2}",
        "{kind: slack, ? {url: hunter2} : x}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(channel: str) -> None:
    _, problems = parse(GOOD.replace("{kind: slack, url: '${SLACK}'}", channel))
    assert {problem.line for problem in problems} == {21}
    assert "hunter2" not in str(problems)


def test_an_address_is_in_no_repr() -> None:
    file, _ = parse(GOOD.replace("https://example.org/hook", "https://example.org/hunter2"))
    assert "hunter2" not in repr(file)


def test_a_secret_is_read_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hunter2\n")
    assert Secret(None, tmp_path / "key").read({}) == "hunter2"
    assert Secret("${KEY}", None).read({"KEY": "hunter2"}) == "hunter2"
    assert "hunter2" not in repr(Secret("${KEY}", None))


@pytest.mark.parametrize("secret", [Secret("${KEY}", None), Secret(None, Path("/none/there"))])
def test_a_secret_that_is_not_there_is_told_with_its_place(secret: Secret) -> None:
    with pytest.raises(Misconfigured, match=r"KEY is not set|/none/there can't be read"):
        secret.read({"KEY": ""})


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_bytes(b"route:\n  receiver: \xff")
    with pytest.raises(BadRoutes, match="line 2: this is not UTF-8"):
        load(path)
    path.write_text("#" * (1 << 20) + "\n")
    with pytest.raises(BadRoutes, match="1 MiB"):
        load(path)


@settings(deadline=None, max_examples=200)
@given(
    at=st.integers(0, len(GOOD) - 1), cut=st.integers(1, 40), put=st.sampled_from(["", "x", ": ", "\n", "[", "{a: 1}"])
)
def test_a_file_with_any_damage_is_read_or_refused_with_a_line(at: int, cut: int, put: str) -> None:
    file, problems = parse(GOOD[:at] + put + GOOD[at + cut :])
    assert (file is not None) or problems
    assert all(problem.line >= 1 and problem.message and problem.cure for problem in problems)


def test_the_json_schema_is_that_of_the_models() -> None:
    assert schema.PATH.read_text() == schema.text(), "run `python -m pipeline.notify.schema`"


@pytest.mark.parametrize("text", [EXAMPLE.read_text(), QUOTED])
def test_the_json_schema_takes_what_is_right(text: str) -> None:
    assert list(Draft202012Validator(json.loads(schema.text())).iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("group_by: [alertname]", "group_buy: [alertname]"),
        ("group_by: [alertname]", "group_wait: soon"),
        ("kind: webhook", "kind: webhok"),
        ("escalation: wake", "escalation: [wake]"),
    ],
)
def test_the_json_schema_refuses_what_an_editor_should_mark(old: str, new: str) -> None:
    with pytest.raises(JsonSchemaError):
        Draft202012Validator(json.loads(schema.text())).validate(yaml.safe_load(QUOTED.replace(old, new, 1)))
