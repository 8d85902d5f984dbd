"""What make would do, asked of make itself."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_clean_touches_no_data() -> None:
    told = subprocess.run(["make", "-n", "clean"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    removed = {word for line in told.splitlines() if line.startswith("rm ") for word in line.split()[2:]}
    assert removed == {
        ".venv",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        ".import_linter_cache",
        ".site",
    }
