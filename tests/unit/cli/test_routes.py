"""`tailrace routes`: exit codes, line and cure; who would be told, when and how."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import routes
from pipeline.cli.checks import run
from pipeline.cli.setup_checks import setup_checks
from pipeline.errors import Misconfigured
from pipeline.settings import load

APP = typer.Typer()
routes.register(APP)
RUN = CliRunner()
EXAMPLE = Path(__file__).parents[3] / "examples" / "routes.yaml"


def asked(labels: str, at: str, file: Path = EXAMPLE) -> str:
    result = RUN.invoke(APP, ["routes", "test", "--file", str(file), "--labels", labels, "--at", at])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_example_is_right_and_nothing_in_it_is_idle() -> None:
    result = RUN.invoke(APP, ["routes", "check", str(EXAMPLE)])
    assert result.exit_code == 0
    assert result.output == (f"{EXAMPLE}: 4 routes, 4 receivers, 1 time interval, 3 people, 1 rotation, 1 escalation\n")


def test_a_wrong_file_ends_with_1_and_names_line_and_cure(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(EXAMPLE.read_text().replace("receiver: everybody", "receiver: everybdy"))
    result = RUN.invoke(APP, ["routes", "check", str(path)])
    assert result.exit_code == 1
    assert f"{path}:3: there is no 'everybdy' among receivers. Did you mean 'everybody'?" in result.output


def test_what_nobody_uses_and_what_nothing_reaches_are_warnings(tmp_path: Path) -> None:
    path = tmp_path / "routes.yaml"
    text = EXAMPLE.read_text().replace("  routes:\n", "  routes:\n    - {receiver: chat}\n", 1)
    path.write_text(text.replace("{person: cyd,", "{person: ann,"))
    result = RUN.invoke(APP, ["routes", "check", str(path)])
    assert result.exit_code == 0
    assert "warning: a route to chat takes everything: 3 after it get nothing" in result.output
    assert "warning: 'cyd' of people is used nowhere" in result.output


def test_a_critical_alert_pages_who_is_on_call_then_the_lead_and_tells_the_chat() -> None:
    output = asked("severity=critical,environment=production,service=shop", "2026-03-03T03:00+01:00")
    assert output.splitlines() == [
        "begins 2026-03-03 03:00:00+01:00",
        "",
        'route {}/{environment=~"prod.*", severity="critical"} to on-call',
        '  in the group {environment="production", service="shop"}',
        "  2026-03-03 03:00:10+01:00 (after 10s)",
        "    on-call: ann by pagerduty",
        "  2026-03-03 03:05:10+01:00 (after 5m10s, step 1 of wake-somebody, unless acknowledged)",
        "    on-call: ann by pagerduty",
        "  2026-03-03 03:15:10+01:00 (after 15m10s, step 2 of wake-somebody, unless acknowledged)",
        "    on-call: ann by pagerduty",
        "    lead: pagerduty",
        "  then at changes, at most each 5m; without, each 1h",
        "",
        'route {}/{severity="critical"} to chat',
        '  in the group {environment="production"}',
        "  2026-03-03 03:00:30+01:00 (after 30s)",
        "    chat: slack #alerts",
        "  then at changes, at most each 5m; without, each 4h",
    ]


def test_who_is_on_call_is_asked_for_each_message_at_its_own_time() -> None:
    output = asked("severity=critical,environment=prod", "2026-03-09T08:58+01:00")
    assert "on-call: ann by pagerduty" in output  # 08:58:10
    assert "on-call: bob by telegram" in output  # 09:03:10, after the handover


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-03-04T21:00+01:00", "quiet by nights until 2026-03-05 08:00:00+01:00"),
        ("2026-03-06T21:00+01:00", "quiet by nights until 2026-03-09 08:00:00+01:00"),
        ("2026-03-27T21:00+01:00", "quiet by nights until 2026-03-30 07:00:00+01:00"),  # the clocks were set forward
    ],
)
def test_a_mute_time_is_named_with_its_end(at: str, said: str) -> None:
    assert said in asked("severity=info", at)


def test_who_takes_nothing_else_is_told_by_the_root() -> None:
    assert "everybody: email to team@example.org" in asked("severity=warning", "2026-03-03T12:00")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--labels", "a"], "is no matcher"),
        (["--labels", "a=~b"], "an alert has labels"),
        (["--labels", "a=b", "--at", "noon"], "is no time"),
        (["--labels", "a=b", "--file", "/none/there.yaml"], "can't be read"),
    ],
)
def test_what_can_not_be_asked_is_told_with_a_cure(arguments: list[str], says: str) -> None:
    result = RUN.invoke(APP, ["routes", "test", "--file", str(EXAMPLE), *arguments])
    assert isinstance(result.exception, Misconfigured)
    assert says in str(result.exception)


def test_the_setting_names_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAILRACE_ROUTES", str(EXAMPLE))
    assert RUN.invoke(APP, ["routes", "check"]).exit_code == 0
    monkeypatch.delenv("TAILRACE_ROUTES")
    result = RUN.invoke(APP, ["routes", "check"])
    assert "set TAILRACE_ROUTES" in str(result.exception)


@pytest.mark.parametrize(
    ("old", "new", "state", "says"),
    [("", "", "ok", "4 from"), ("name: lead", "name: head", "WRONG", "no 'lead'")],
)
def test_doctor_looks_at_the_routing_file_where_one_is_set(
    tmp_path: Path, old: str, new: str, state: str, says: str
) -> None:
    path = tmp_path / "routes.yaml"
    path.write_text(EXAMPLE.read_text().replace(old, new, 1))
    settings, _ = load({}, routes=path)
    (found,) = run(check for check in setup_checks(settings) if check.name == "routes")
    assert (found.state, says in found.says) == (state, True), found


def test_doctor_says_nothing_of_routes_where_none_are_set() -> None:
    settings, _ = load({})
    assert "routes" not in [check.name for check in setup_checks(settings)]
