"""Every HTTP server of ours logs through the filter: no bytes of a client's broken request get into a log."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def runners() -> list[tuple[str, ast.Call]]:
    """(where, the call) of each `AppRunner(…)` in the code."""
    found = []
    for path in sorted([*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "collectors").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "AppRunner":
                found.append((f"{path.relative_to(ROOT)}:{node.lineno}", node))
    return found


def test_there_are_servers() -> None:
    assert len(runners()) >= 3


@pytest.mark.parametrize(("where", "call"), runners(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_server_has_the_filtered_log(where: str, call: ast.Call) -> None:
    logs = [word.value for word in call.keywords if word.arg == "logger"]
    assert [ast.unparse(log.func) for log in logs if isinstance(log, ast.Call)] == ["server_log"], where
