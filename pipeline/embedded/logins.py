"""Who may do what in the embedded store of one data folder: passwords made at the first start, kept beside the data.

`default`, without a password, reads everything and writes in databases of its own; `tailrace` is the workers'; `admin`
is the owner's. Promises: made once, this user's alone to read (mode 600); nothing here logs one.
"""

import json
import os
import secrets
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from pipeline.errors import Misconfigured

PASSWORDS, LOGINS = "passwords.json", "logins.json"
WORKER, ADMIN = "tailrace", "admin"
NAMES = (ADMIN, WORKER)


def passwords(data_dir: Path) -> dict[str, str]:
    """Name → password as it stands in the folder; nothing where none was made yet.

    Misconfigured where the file is damaged.
    """
    path = data_dir / PASSWORDS
    try:
        found = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"{path} can't be read: {error}", "Remove it: new passwords are made at the next start"
        ) from None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), str) for name in NAMES):
        raise Misconfigured(f"{path} lacks {' or '.join(NAMES)}", "Remove it: new passwords are made at the next start")
    return {name: found[name] for name in NAMES}


def ensure(data_dir: Path) -> dict[str, str]:
    """The passwords of the folder, made if there are none."""
    if known := passwords(data_dir):
        return known
    made = {name: secrets.token_urlsafe(18) for name in NAMES}
    _write(data_dir / PASSWORDS, made)
    return made


def write_logins(data_dir: Path, database: str, known: Mapping[str, str]) -> Path:
    """The file that the embedded server reads (`--users`): hashes only."""
    path = data_dir / LOGINS
    hashed = {name: {"password_sha256": sha256(password.encode()).hexdigest()} for name, password in known.items()}
    _write(path, {**hashed, "default": {"only_reads": [database]}})
    return path


def _write(path: Path, content: object) -> None:
    """Whole or not at all."""
    new = path.with_suffix(".new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(json.dumps(content, indent=1) + "\n")
        out.flush()
        os.fsync(out.fileno())
    new.replace(path)
