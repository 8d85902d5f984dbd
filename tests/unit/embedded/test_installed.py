"""What is not installed is said with its cure, and the lists agree with the package's own."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pipeline.embedded import installed
from pipeline.errors import Misconfigured

ROOT = Path(__file__).parents[3]


def test_all_parts_are_there_where_tests_run() -> None:
    assert installed.must_have(*installed.EXTRAS) is None  # type: ignore[func-returns-value]


def test_a_missing_module_names_itself_and_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(installed.EXTRAS, "embedded", ("chdb", "no_such_module"))
    with pytest.raises(Misconfigured, match=r"no_such_module not installed: .* no embedded part") as told:
        installed.must_have("embedded")
    assert "tailrace[embedded]" in str(told.value.cure)


def test_each_module_that_is_asked_for_is_brought_by_its_extra() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for extra, modules in installed.EXTRAS.items():
        packages = " ".join(extras[extra]).replace("-", "_")
        assert [name for name in modules if name not in packages] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-demo.lock"])
def test_smaller_locks_hold_the_versions_that_are_tested(name: str) -> None:
    tested, held = (_pins(ROOT / lock) for lock in ("requirements-dev.lock", name))
    assert held
    assert held <= tested


def _pins(lock: Path) -> set[str]:
    lines = (line.split(" ")[0] for line in lock.read_text().splitlines() if "==" in line and line[0] not in " #")
    return set(lines)
