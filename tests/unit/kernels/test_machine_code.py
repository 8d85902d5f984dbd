"""Machine code is found again under the same sources, and never under others."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.kernels.machine_code import ROOT, digest, folder, sources


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A top that imports below/middle, which imports leaf; other is imported by none."""
    (tmp_path / "below").mkdir()
    (tmp_path / "top.py").write_text("from pipeline.kernels.below.middle import (\n    one,\n)\n")
    (tmp_path / "below" / "middle.py").write_text("import numpy\nfrom pipeline.kernels.leaf import two\n")
    (tmp_path / "leaf.py").write_text("two = 2\n")
    (tmp_path / "other.py").write_text("three = 3\n")
    return tmp_path


@pytest.mark.parametrize("changed", ["top.py", "below/middle.py", "leaf.py"])
def test_any_source_below_a_kernel_changes_its_folder(root: Path, changed: str) -> None:
    before = digest(root / "top.py", root)
    (root / changed).write_bytes((root / changed).read_bytes() + b"# other\n")
    sources.cache_clear()
    assert digest(root / "top.py", root) != before


def test_sources_that_it_does_not_use_do_not(root: Path) -> None:
    before = digest(root / "top.py", root)
    (root / "other.py").write_text("three = 4\n")
    sources.cache_clear()
    assert digest(root / "top.py", root) == before


def test_our_own_kernels_know_what_they_are_made_of() -> None:
    assert ROOT / "wire" / "utf8.py" in sources(ROOT / "wire" / "leaves" / "span.py", ROOT)
    assert {path.suffix for path in sources(ROOT / "wire" / "leaves" / "span.py", ROOT)} == {".py"}


def test_a_folder_that_the_user_names_is_used(tmp_path: Path) -> None:
    assert folder(ROOT / "jit.py", str(tmp_path)).parent == tmp_path


def test_where_nothing_may_be_written_the_users_cache_is_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert Path.home() in folder(ROOT / "jit.py", str(tmp_path / "file")).parents
