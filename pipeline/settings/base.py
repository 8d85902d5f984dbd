"""What all sections of settings share: the model they are, and the kinds of values that several of them have.

Promises: a section is frozen, refuses names that it hasn't and numbers that are none; `redacted` never shows a secret,
whatever its shape. Reads nothing: where values come from is the loader's (pipeline/settings/loader.py).
"""

import json
from typing import Annotated, Any, ClassVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, SecretStr
from pydantic.fields import FieldInfo

PREFIX = "TAILRACE_"
HIDDEN = "***"


class Section(BaseModel):
    """A part of the settings; each field is `TAILRACE_<NAME>` in the environment and `name = …` in the file.

    A program's settings are a class made of the sections that it needs; names stay flat, so no two sections may have
    the same one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    title: ClassVar[str] = ""
    """Heading on the settings page; a class that only joins sections has none of its own."""

    @classmethod
    def sections(cls) -> dict[str, dict[str, FieldInfo]]:
        """Title → own fields by name, of each section that this class is made of, in its order."""
        found: dict[str, dict[str, FieldInfo]] = {}
        for one in (one for one in _in_order(cls) if "title" in one.__dict__):
            own = {name: field for name, field in cls.model_fields.items() if name in one.__annotations__}
            if own:
                found.setdefault(one.title, {}).update(own)
        return found

    def redacted(self) -> dict[str, str]:
        """Name → value as text, section by section, fit for logs: no secret in it."""
        return {
            name: shown(getattr(self, name), field)
            for fields in type(self).sections().values()
            for name, field in fields.items()
        }


def _in_order(cls: type[Section]) -> list[type[Section]]:
    """The class' bases, first to last, each before what it was added to."""
    found: list[type[Section]] = []
    for base in cls.__bases__:
        if issubclass(base, Section):
            found += [one for one in _in_order(base) if one not in found]
    return [*found, cls]


class WithUserInfo:
    """Marks a field of URLs: they may hold a password, so only their place is shown."""


def is_secret(field: FieldInfo) -> bool:
    """Whether a value of it, also a wrong one, must not be shown."""
    return any(isinstance(mark, WithUserInfo) for mark in field.metadata) or _holds(field.annotation, SecretStr)


def _holds(annotation: object, wanted: type) -> bool:
    return annotation is wanted or any(_holds(one, wanted) for one in get_args(annotation))


def shown(value: object, field: FieldInfo) -> str:
    """A sound value as text, without what is secret in it."""
    if value is None:
        return ""
    if any(isinstance(mark, WithUserInfo) for mark in field.metadata):
        return without_password(str(value))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if is_secret(field):
        return HIDDEN if value != SecretStr("") else ""
    return str(value)


def without_password(url: str) -> str:
    """The URL with `***` for its password and for the values of its query; else letter by letter as it was."""
    scheme, separator, rest = url.partition("://")
    place, query, _ = rest.partition("?")
    authority, slash, path = place.partition("/")
    userinfo, at, host = authority.rpartition("@")
    user, colon, _ = userinfo.partition(":")
    hidden = f"{user}:{HIDDEN}" if colon else user
    return scheme + separator + hidden + at + host + slash + path + (f"?{HIDDEN}" if query else "")


def host_port(address: str) -> tuple[str, int]:
    """`host:port` taken apart; an IPv6 host loses its brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _is_host_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f"{text!r} is not host:port")
    return text


def _are_hosts_ports(text: str) -> str:
    for part in text.split(","):
        _is_host_port(part)
    return text


def _is_url(text: str) -> str:
    wrong = ValueError("is not http(s)://[user:password@]host:port/database")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.path.strip("/") or "@" in parts.path:
        raise wrong
    return text


def _listed(value: object) -> object:
    """Text with commas as a tuple; in a list no item may be blank."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and any(isinstance(one, str) and not one.strip() for one in value):
        raise ValueError("an item of the list is blank")
    return value


def _numbers(value: object) -> object:
    """`name=number,…`, or the same as a JSON object, as a mapping."""
    if not isinstance(value, str):
        return value
    if value.startswith("{"):
        return json.loads(value)
    pairs = [part.rpartition("=") for part in value.split(",") if part]
    if any(not name for name, _, _ in pairs):
        raise ValueError("is not name=number,…")
    return {name: number for name, _, number in pairs}


HostPort = Annotated[str, AfterValidator(_is_host_port)]
"""host:port."""
HostsPorts = Annotated[str, AfterValidator(_are_hosts_ports)]
"""host:port[,host:port]."""
DatabaseUrl = Annotated[str, WithUserInfo(), AfterValidator(_is_url)]
"""http(s)://[user:password@]host:port/database."""
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""Comma-separated, or a list in the file."""
Secrets = Annotated[tuple[SecretStr, ...], BeforeValidator(_listed)]
"""Like Names, never shown."""
Numbers = BeforeValidator(_numbers)
"""Lets a mapping be written as `name=number,…`."""
Values = dict[str, Any]
"""Names → values as they were given, before they are checked."""
