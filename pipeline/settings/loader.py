"""The one loader, for every program: an option, else the environment, else a TOML file, else the default.

Promises: a wrong value names itself, what is allowed and where it came from; an unknown name in the file is an error
that tells the nearest known one, whichever program that belongs to. Blanks mean the same everywhere: empty text is "not
set", nothing but blanks is an error, and blanks around a value are not part of it (except in secrets). No secret is in
any message. The file is `TAILRACE_CONFIG`, or `tailrace.toml` in the working directory. Unknown names in the
environment are told elsewhere (`known`).
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.errors import Misconfigured
from pipeline.settings.base import HIDDEN, PREFIX, Section, Values, is_secret
from pipeline.settings.known import advice, names

CONFIG = PREFIX + "CONFIG"
SETTING = re.compile(PREFIX + r"([A-Z0-9_]+)")
S = TypeVar("S", bound=Section)
Sources = dict[str, str]
"""Name → `default`, `file …`, `environment` or `option`."""


def read(model: type[S], environ: Mapping[str, str] | None = None, **options: Any) -> tuple[S, Sources]:  # noqa: ANN401 - typed by the model
    """Settings of one program, and for each name where its value came from. Options that are None were not given.

    Misconfigured, naming the setting, its value's source and what is allowed, where one is wrong.
    """
    env = os.environ if environ is None else environ
    values: Values = {}
    sources: Sources = dict.fromkeys(model.model_fields, "default")
    environment = {name: env[key] for name in model.model_fields if (key := PREFIX + name.upper()) in env}
    given_options = {name: value for name, value in options.items() if value is not None}
    for source, given in (*_file(model, env), ("environment", environment), ("option", given_options)):
        for name, raw in given.items():
            value = _trimmed(model, name, raw, source)
            if value != "":
                values[name], sources[name] = value, source
    try:
        return model.model_validate(values), sources
    except ValidationError as error:
        raise _explain(model, error, sources) from None


def _file(model: type[Section], env: Mapping[str, str]) -> list[tuple[str, Values]]:
    """What the file says of this model's names; none where there is no file."""
    named = env.get(CONFIG, "").strip()
    path = Path(named or "tailrace.toml")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise Misconfigured(f"{CONFIG} names {path}, which is not there", "Make the file or unset it") from None
        return []
    except OSError as error:
        raise Misconfigured(f"{path} can't be read: {error.strerror}", "Name a file that can be read") from None
    except UnicodeDecodeError:
        raise Misconfigured(f"{path} is not TOML: it is not UTF-8", "Save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"{path} is not TOML: {error}", "Mend that line") from None
    source = f"file {path}"
    strangers = [name for name in given if name not in model.model_fields]
    known = names() if strangers else set()
    for name in strangers:
        if name not in known:
            raise Misconfigured(
                f"{PREFIX}{name.upper().removeprefix(PREFIX)} (`{name}` from {source}) is no setting",
                advice(name, known),
            )
    return [(source, {name: value for name, value in given.items() if name in model.model_fields})]


def _trimmed(model: type[Section], name: str, value: object, source: str) -> object:
    """Text without the blanks around it. Misconfigured where it is nothing else."""
    if not isinstance(value, str):
        return value
    if value and not value.strip():
        raise Misconfigured(f"{PREFIX}{name.upper()} (from {source}) is blank", "Give it a value, or unset it")
    field = model.model_fields.get(name)
    return value if field is not None and is_secret(field) else value.strip()


def _explain(model: type[Section], error: ValidationError, sources: Sources) -> Misconfigured:
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        named = [name for name in dict.fromkeys(SETTING.findall(message)) if name.lower() in sources]
        told = ", ".join(f"{PREFIX}{name} from {sources[name.lower()]}" for name in named)
        return Misconfigured(f"{message} ({told})" if told else message, "Change one of them")
    name = str(first["loc"][0])
    field = model.model_fields.get(name)
    if field is None:
        return Misconfigured(f"{PREFIX}{name.upper()} is no setting", advice(name, names()))
    value = HIDDEN if is_secret(field) else repr(first.get("input"))
    return Misconfigured(
        f"{PREFIX}{name.upper()} = {value} (from {sources[name]}): {message}", f"It is: {field.description}"
    )
