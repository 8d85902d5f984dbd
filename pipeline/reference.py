"""The reference page of settings, made from the code: `python -m pipeline.reference > docs/settings.md`."""

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from pipeline.settings import PREFIX, Settings

HEAD = """# Settings

Each is an environment variable, or `name = …` (lower case, without `TAILRACE_`) in a TOML file: `TAILRACE_CONFIG`, or `tailrace.toml` in the working
directory. The environment wins over the file. `tailrace doctor` prints each value and where it came from. This page is made by `python -m pipeline.reference`.

| setting | default | meaning |
|---|---|---|
"""


def page() -> str:
    """The whole page, Markdown."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default if field.default is not PydanticUndefined else {}
        shown = (
            ""
            if default is None or isinstance(default, SecretStr)
            else int(default)
            if isinstance(default, bool)
            else default
        )
        rows.append(
            f"| `{PREFIX}{name.upper()}` | {f'`{shown}`' if shown not in ('', {}) else ''} | {field.description} |\n"
        )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    print(page(), end="")
