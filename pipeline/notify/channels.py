"""How a receiver is reached: one model per kind of channel, and where its secrets come from.

Promises: a secret never stands in the file, so it can be in no error, `repr` or schema: it is named, by `${NAME}` of
the environment or by a file (`password_file:`). Does not read them and sends nothing; see `Secret.read`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, model_validator

from pipeline.errors import Misconfigured
from pipeline.notify.values import Part

_ENVIRONMENT: Final = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_PASSWORD: Final = re.compile(r"^[a-z][\w+.-]*://[^/?#]*@", re.IGNORECASE)


def _named(value: str) -> str:
    if not _ENVIRONMENT.fullmatch(value):
        raise ValueError("a secret does not stand in this file: write ${NAME} of the environment, or name a file")
    return value


def _plain_url(value: str) -> str:
    if _ENVIRONMENT.fullmatch(value):
        return value
    if _PASSWORD.match(value):
        raise ValueError("a password does not stand in an address: write ${NAME} of the environment, or name a file")
    if not re.match(r"^https?://[^\s/]+", value):
        raise ValueError("is no address: write one like https://host/path, or ${NAME} of the environment")
    return value


Named: TypeAlias = Annotated[str, AfterValidator(_named), Field(description="`${NAME}` of the environment")]
Url: TypeAlias = Annotated[str, AfterValidator(_plain_url), Field(description="an address, or `${NAME}`")]
Address: TypeAlias = Annotated[str, Field(pattern=r"^[^@\s<>]+@[^@\s<>]+$")]


class Secret:
    """A value that is named and not held."""

    def __init__(self, named: str | None, file: Path | None) -> None:
        self._named, self._file = named, file

    def __repr__(self) -> str:
        return f"Secret({self._file or self._named})"

    def read(self, environ: Mapping[str, str], text: Callable[[Path], str] = Path.read_text) -> str:
        """Its value now. Misconfigured, without the value, where it is not there or empty."""
        if self._file is not None:
            try:
                value = text(self._file).strip()
            except (OSError, UnicodeDecodeError):
                raise Misconfigured(f"{self._file} can't be read", "Put the secret there, readable for us") from None
            if not value:
                raise Misconfigured(f"{self._file} is empty", "Put the secret there")
            return value
        found = _ENVIRONMENT.fullmatch(self._named or "")
        if found is None:
            return self._named or ""
        value = environ.get(found[1], "").strip()
        if not value:
            raise Misconfigured(f"{found[1]} is not set", "Set it in the environment of what delivers")
        return value


class Channel(Part):
    """What every channel has."""

    kind: str
    send_resolved: bool = Field(True, description="whether it tells that an alert is resolved, too")

    def secret(self, name: str) -> Secret | None:
        """That of a field, by its name or its `_file`; None where neither is said."""
        named, file = getattr(self, name), getattr(self, f"{name}_file")
        return None if named is None and file is None else Secret(named, file)

    def label(self) -> str:
        """In a word, for people; tells no secret."""
        return self.kind


def one_of(*names: str, needed: bool = True) -> object:
    """A check that of `name` and `name_file` exactly one is said (or, where not needed, at most one)."""

    def check(self: BaseModel) -> BaseModel:
        for name in names:
            said = [field for field in (name, f"{name}_file") if getattr(self, field) is not None]
            if len(said) > 1 or (needed and not said):
                raise ValueError(f"say either {name} or {name}_file")
        return self

    return model_validator(mode="after")(check)


class Alertmanager(Channel):
    """An Alertmanager's API, version 2."""

    kind: Literal["alertmanager"]
    url: Url | None = Field(None, repr=False)
    url_file: Path | None = None
    password: Named | None = None
    password_file: Path | None = None
    username: str = ""
    _url = one_of("url")
    _password = one_of("password", needed=False)


class Webhook(Channel):
    """A POST of Alertmanager's webhook shape, signed where a secret is named."""

    kind: Literal["webhook"]
    url: Url | None = Field(None, repr=False)
    url_file: Path | None = None
    secret_key: Named | None = None
    secret_key_file: Path | None = None
    _url = one_of("url")
    _secret = one_of("secret_key", needed=False)


class Email(Channel):
    """E-mail through an SMTP server."""

    kind: Literal["email"]
    to: tuple[Address, ...] = Field(min_length=1)
    sender: Address = Field(alias="from")
    smarthost: str = Field(pattern=r"^[^\s:]+:\d{1,5}$", description="host:port of the SMTP server")
    username: str = ""
    password: Named | None = None
    password_file: Path | None = None
    tls: Literal["starttls", "tls", "none"] = "starttls"
    _password = one_of("password", needed=False)

    def label(self) -> str:
        """With whom it goes to."""
        return f"email to {', '.join(self.to)}"


class Slack(Channel):
    """An incoming webhook of Slack; its address is a secret."""

    kind: Literal["slack"]
    url: Named | None = None
    url_file: Path | None = None
    channel: str = ""
    _url = one_of("url")

    def label(self) -> str:
        """With the channel, where one is said."""
        return f"slack {self.channel}".rstrip()


class Teams(Channel):
    """A workflow's webhook of Microsoft Teams; its address is a secret."""

    kind: Literal["teams"]
    url: Named | None = None
    url_file: Path | None = None
    _url = one_of("url")


class PagerDuty(Channel):
    """PagerDuty's events, version 2."""

    kind: Literal["pagerduty"]
    routing_key: Named | None = None
    routing_key_file: Path | None = None
    _key = one_of("routing_key")


class Opsgenie(Channel):
    """Opsgenie's alerts."""

    kind: Literal["opsgenie"]
    api_key: Named | None = None
    api_key_file: Path | None = None
    region: Literal["us", "eu"] = "us"
    _key = one_of("api_key")


class Telegram(Channel):
    """A chat of a Telegram bot."""

    kind: Literal["telegram"]
    bot_token: Named | None = None
    bot_token_file: Path | None = None
    chat_id: int
    _token = one_of("bot_token")


class Apprise(Channel):
    """Whatever else Apprise reaches, text messages among it; its address holds the secrets."""

    kind: Literal["apprise"]
    url: Named | None = None
    url_file: Path | None = None
    _url = one_of("url")


AnyChannel: TypeAlias = Annotated[
    Alertmanager | Webhook | Email | Slack | Teams | PagerDuty | Opsgenie | Telegram | Apprise,
    Field(discriminator="kind"),
]
