"""`make setup` on a Python that won't do: said before anything is fetched."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PRETENDS = "import sys; sys.version_info = ({version}, 0, 'final', 0); exec(sys.argv[2])"


def setup(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """In an empty copy: nothing is there yet, and nothing can be fetched."""
    for name in ("Makefile", "pyproject.toml"):
        (folder / name).write_text((ROOT / name).read_text())
    for lock in ROOT.glob("requirements*.lock"):
        (folder / lock.name).write_text("")
    return subprocess.run(
        ["make", "setup", f"PYTHON={python}"],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("version", ["3, 10", "2, 7", "3, 14", "4, 0"])
def test_a_python_outside_the_range_is_named_with_the_range_and_nothing_is_made(tmp_path: Path, version: str) -> None:
    fake = tmp_path / "python-odd"
    fake.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{PRETENDS.format(version=version)}" "$@"\n')
    fake.chmod(0o755)
    answer = setup(tmp_path, str(fake))
    assert answer.returncode != 0
    first = answer.stderr.splitlines()[0]
    assert first.startswith("Tailrace runs on Python 3.11 to 3.13")
    assert f"is {version.replace(', ', '.')}" in first
    assert "make setup PYTHON=" in first
    assert not (tmp_path / ".cache").exists()
    assert not (tmp_path / ".venv").exists()


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    answer = setup(tmp_path, "python-nowhere")
    assert answer.returncode != 0
    assert answer.stderr.splitlines()[0].startswith("there is no python-nowhere")


def test_the_range_is_the_packages_own() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    found = re.search(r"\((\d+), (\d+)\) <= v < \((\d+), (\d+)\)", (ROOT / "Makefile").read_text())
    assert found is not None
    assert asked == ">={}.{},<{}.{}".format(*found.groups())
