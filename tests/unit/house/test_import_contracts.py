"""Each import contract of pyproject.toml is broken by an import that it forbids: none is kept for want of anything that it looks at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("schemas", "collectors", "pipeline")
CONFIG: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
CONTRACTS: list[dict[str, Any]] = CONFIG["contracts"]


def report(folder: Path) -> str:
    """What the linter says of the code in a folder, on one line."""
    linter = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    command = [str(linter), "--no-cache", "--no-logo"]
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return " ".join((run.stdout + run.stderr).split())


def violate(folder: Path, module: str, imported: str) -> None:
    """Let a module of the copy import something."""
    path = folder / Path(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    with path.open("a") as out:
        out.write(f"\nimport {imported}\n")


def violations(contract: dict[str, Any]) -> list[tuple[str, str]]:
    """(module, what it must not import): one for each module that a contract holds."""
    if contract["type"] == "layers":
        layers = [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]
        inside = contract.get("containers", [""])[0]
        names = [[f"{inside}.{name}" if inside else name for name in layer] for layer in layers]
        top = names[0][0]
        return [(module, top) for layer in names[1:] for module in layer] + [
            (one, other) for layer in names for one in layer for other in layer if one != other
        ]
    forbidden = contract["forbidden_modules"]
    sources = contract["source_modules"]
    return [(source, forbidden[number % len(forbidden)]) for number, source in enumerate(sources)] + [
        (sources[number % len(sources)], module) for number, module in enumerate(forbidden)
    ]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.json"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_copy_itself_keeps_every_contract(copy: Path) -> None:
    told = report(copy)
    assert all(f"{contract['name']} KEPT" in told for contract in CONTRACTS), told


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["name"][:2])
def test_whatever_a_contract_forbids_breaks_it(copy: Path, contract: dict[str, Any]) -> None:
    for module, imported in violations(contract):
        violate(copy, module, imported)
    told = report(copy)
    assert f"{contract['name']} BROKEN" in told, told
    faults = told.rpartition(f"{contract['name']} ---")[2].partition(" ----- ")[0]
    missed = [pair for pair in violations(contract) if f"{pair[0]} is not allowed to import {pair[1]}:" not in faults]
    assert not missed, faults
