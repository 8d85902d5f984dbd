"""Who may log in, and what they are then held to. The engine itself knows one user only.

The file of logins: `{"name": {"password_sha256": "…", "readonly": 0|1|2, "only_reads": […], "database": "…",
"settings": {…}}}`, no password where `password_sha256` is missing or empty. `readonly` 1: reads only; 2: reads, and
settings may be changed. `only_reads`: databases in which nothing may be written, whatever may elsewhere (access.py).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pipeline.embedded.clickhouse.errors import AUTHENTICATION_FAILED, ClickHouseError
from pipeline.errors import Misconfigured


class User(BaseModel):
    """One login."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = ""
    password_sha256: str = ""
    readonly: int = Field(default=0, ge=0, le=2)
    only_reads: tuple[str, ...] = ()
    database: str = ""
    settings: dict[str, str] = Field(default_factory=dict)


_FILE: TypeAdapter[dict[str, User]] = TypeAdapter(dict[str, User])


def load(path: Path | None) -> dict[str, User]:
    """From the file of logins; without one, `default` with no password."""
    if path is None:
        return {"default": User(name="default")}
    try:
        found = _FILE.validate_python(json.loads(path.read_bytes()))
    except (OSError, ValueError, ValidationError) as error:
        raise Misconfigured(
            f"the file of logins {path} can't be read: {error}", "Mend it or leave --users out"
        ) from error
    return {name: user.model_copy(update={"name": name}) for name, user in found.items()}


def _credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    basic = headers.get("Authorization", "")
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User", "default"), headers.get("X-ClickHouse-Key", "")
    if basic.lower().startswith("basic "):
        try:
            name, _, password = base64.b64decode(basic[6:], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ClickHouseError(AUTHENTICATION_FAILED, "Invalid authentication header.") from error
        return name or "default", password
    return query.get("user", "default") or "default", query.get("password", "")


def authenticate(users: Mapping[str, User], headers: Mapping[str, str], query: Mapping[str, str]) -> User:
    """By headers, basic authentication, or the address, in this order."""
    name, password = _credentials(headers, query)
    user = users.get(name)
    if user is not None:
        given = hashlib.sha256(password.encode()).hexdigest() if user.password_sha256 else ""
        if secrets.compare_digest(given, user.password_sha256.lower()):
            return user
    raise ClickHouseError(
        AUTHENTICATION_FAILED,
        f"{name}: Authentication failed: password is incorrect, or there is no user with such name.",
    )
