"""Passwords of a data folder: made once, for this user's eyes, and only as hashes where the server reads them."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from pipeline.embedded.clickhouse.users import load
from pipeline.embedded.logins import LOGINS, PASSWORDS, ensure, passwords, write_logins
from pipeline.errors import Misconfigured


def test_they_are_made_once_and_each_is_another(tmp_path: Path) -> None:
    assert passwords(tmp_path) == {}
    made = ensure(tmp_path)
    assert len(set(made.values())) == len(made) == 2
    assert all(len(password) >= 24 for password in made.values())
    assert ensure(tmp_path) == passwords(tmp_path) == made


def test_files_are_this_users_alone_and_the_servers_holds_hashes(tmp_path: Path) -> None:
    made = ensure(tmp_path)
    path = write_logins(tmp_path, "tailrace", made)
    for name in (PASSWORDS, LOGINS):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert not [password for password in made.values() if password in path.read_text()]
    users = load(path)
    assert users["default"].only_reads == ("tailrace",)
    assert users["default"].password_sha256 == ""
    assert users["admin"].only_reads == users["tailrace"].only_reads == ()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"admin": "x"}', '{"admin": "x", "tailrace": 1}'])
def test_a_damaged_file_is_said_with_its_cure(tmp_path: Path, content: str) -> None:
    (tmp_path / PASSWORDS).write_text(content)
    with pytest.raises(Misconfigured, match=r"Remove it"):
        ensure(tmp_path)
    assert json.dumps((tmp_path / PASSWORDS).read_text()) == json.dumps(content)
