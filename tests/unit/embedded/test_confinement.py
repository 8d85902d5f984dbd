"""A confined process opens its own folder and nothing else of the machine, and connects nowhere."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.embedded.confinement import Confinement, available

_PROBE = """
import socket, sys
from pathlib import Path
from pipeline.embedded.confinement import confine
own, other, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
found = confine([own])
(own / "a").mkdir(); (own / "a" / "x").write_text("1"); (own / "a" / "x").rename(own / "y")
print((own / "y").read_text(), len(Path("/proc/meminfo").read_text()) > 0)
for path in (other / "secret", Path("/etc/passwd"), Path("/etc")):
    try:
        list(path.iterdir()) if path.is_dir() else path.read_bytes()
        print("read", path)
    except PermissionError:
        print("kept")
try:
    (other / "new").write_text("x")
    print("written")
except PermissionError:
    print("kept")
try:
    socket.create_connection(("127.0.0.1", port))
    print("connected")
except PermissionError:
    print("kept")
"""


@pytest.mark.skipif(not available().network, reason="this kernel's Landlock has no rules for connections")
def test_nothing_but_its_own_folder_can_be_opened(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    (other / "secret").write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as there:
        arguments = [str(own), str(other), str(there.getsockname()[1])]
        said = subprocess.run([sys.executable, "-c", _PROBE, *arguments], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == ["1 True", *["kept"] * 5]


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (Confinement(0, files=False, network=False), "not confined"),
        (Confinement(3, files=True, network=False), "outgoing connections are possible"),
        (Confinement(7, files=True, network=True), "no outgoing connections"),
    ],
)
def test_how_far_it_reaches_is_said(found: Confinement, word: str) -> None:
    assert word in found.words
