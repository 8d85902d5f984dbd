"""The reference page of settings, made from the code: `python -m pipeline.reference > docs/settings.md`.

Of every program's.
"""

from collections.abc import Iterable

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipeline.settings import PREFIX, Section
from pipeline.settings.known import models

HEAD = """# Settings

Each is an environment variable, or `name = …` (lower case, without `TAILRACE_`) in a TOML file: `TAILRACE_CONFIG`, or `tailrace.toml` in the working
directory. The environment wins over the file. All programs read the same file, each what is its own. Empty text means "not set". A name that no program
knows is an error in the file and a warning in the environment. `tailrace doctor` prints each value and where it came from.
This page is made by `python -m pipeline.reference`.
"""


def page() -> str:
    """The whole page, Markdown."""
    parts = [HEAD]
    for title, fields in by_section(models()).items():
        parts.append(f"\n## {title}\n\n| setting | default | meaning |\n|---|---|---|\n")
        parts += [row(name, field) for name, field in fields.items()]
    return "".join(parts)


def by_section(of: Iterable[type[Section]]) -> dict[str, dict[str, FieldInfo]]:
    """Title → fields; a section that several programs have stands there once."""
    return {title: fields for model in of for title, fields in model.sections().items()}


def row(name: str, field: FieldInfo) -> str:
    """One line of a table."""
    default = field.default if field.default is not PydanticUndefined else {}
    if isinstance(default, bool):
        default = int(default)
    plain = "" if default in (None, {}, ()) or isinstance(default, SecretStr) else f"`{default}`"
    return f"| `{PREFIX}{name.upper()}` | {plain} | {field.description} |\n"


if __name__ == "__main__":
    print(page(), end="")
