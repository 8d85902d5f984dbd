"""Each page's commands succeed, its SQL gives rows, its files are taken, on a real `tailrace up`."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

from tests.e2e.docs.running import Running, running
from tests.support.pages import DOCS, Block, blocks, pages

RUN = [page for page in pages() if any(block.language in ("bash", "sql") for block in blocks(page))]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("docs") / "data") as started:
        yield started


def test_every_page_is_in_the_menu_and_every_entry_is_a_page() -> None:
    text = (DOCS.parent / "infra" / "docs" / "mkdocs.yml").read_text()
    listed = [name for name in text.replace("\n", " ").split() if name.endswith(".md")]
    assert sorted(name for name in listed if not name.startswith("adr/")) == pages()


def test_no_block_is_left_out_without_a_reason() -> None:
    assert {block.title for page in pages() for block in blocks(page) if block.title == "not run here"} == set()
    assert RUN, "no page has anything to run"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", RUN)
def test_a_page_does_what_it_says(page: str, up: Running, tmp_path: Path) -> None:
    behind: list[tuple[Block, subprocess.Popen[str]]] = []
    try:
        for block in blocks(page):
            if not block.left_out:
                _do(block, up, tmp_path, behind)
    finally:
        ended = [(block, _interrupt(process)) for block, process in behind]
    for block, (code, said) in ended:
        assert code == 0, f"{block.page}:{block.line} ended with {code}:\n{said}"


def _do(block: Block, up: Running, folder: Path, behind: list[tuple[Block, subprocess.Popen[str]]]) -> None:
    where = f"docs/{block.page}:{block.line}"
    if block.language == "sql":
        for statement in filter(str.strip, block.text.split(";\n")):
            assert up.ask(statement).strip(), f"{where} gives no rows:\n{statement}"
    elif block.language == "bash" and block.title == "until Ctrl-C":
        behind.append((block, _start(block, up, folder)))
        _until_it_speaks(behind[-1][1], where)  # what it says is its own affair; that it lives and ends well is asked
    elif block.language == "bash":
        process = _start(block, up, folder)
        said, _ = process.communicate(timeout=240)
        assert process.returncode == 0, f"{where} ended with {process.returncode}:\n{block.text}\n{said}"
    elif block.title:
        (folder / block.title).parent.mkdir(parents=True, exist_ok=True)
        (folder / block.title).write_text(up.here(block.text))
    elif block.language == "json":
        assert json.loads(block.text), where
    elif block.language == "yaml":
        assert yaml.safe_load(block.text), where


def _start(block: Block, up: Running, folder: Path) -> subprocess.Popen[str]:
    script = f"set -euo pipefail\n{up.here(block.text)}"
    return subprocess.Popen(
        ["bash", "-c", script if block.title != "until Ctrl-C" else f"exec {up.here(block.text).strip()}"],
        cwd=folder,
        env=up.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _until_it_speaks(process: subprocess.Popen[str], where: str) -> None:
    """Until it has a connection to a server: before that it is still being imported."""
    deadline = time.monotonic() + 60
    while not psutil.Process(process.pid).net_connections("tcp"):
        assert process.poll() is None, f"{where} ended at once with {process.returncode}"
        assert time.monotonic() < deadline, f"{where} speaks with nobody"
        time.sleep(0.1)


def _interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    return process.returncode, said
