"""YAML that people write, read with the line of everything: what rule files and rule tests have in common.

Promises: nothing of YAML's surprises: no aliases, no key twice; a problem names line and cure. Reads no file and knows no model of its own.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TypeAlias

import yaml
from pydantic import BaseModel

MAX_BYTES = 1 << 20

Lines: TypeAlias = dict[tuple[str | int, ...], int]
"""Path of keys and places in lists → line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place, and the cure."""

    line: int
    message: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}. {self.cure}"


def compose(text: str) -> yaml.Node | Problem | None:
    """The text's tree, None for an empty one, or what is wrong with all of it."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            return Problem(1, "the file uses an alias (*name)", "Write the value out")
        return yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return Problem(line, f"not YAML: {error.problem}", "Mend that line; mind colons and indentation")
    except yaml.YAMLError as error:
        return Problem(1, f"not YAML: {error}", "Remove the character")
    except RecursionError:
        return Problem(1, "nested too deeply", "Use fewer levels")


def plain(node: yaml.Node, at: tuple[str | int, ...], lines: Lines, problems: list[Problem]) -> object:
    """What a node says as plain values; notes the line of each, and what is wrong."""
    lines[at] = line_at(node)
    if isinstance(node, yaml.MappingNode):
        out: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problems.append(Problem(line_at(key), "this key is not a word", "Write `name: value`"))
                continue
            name = str(key.value)
            if name in out:
                problems.append(Problem(line_at(key), f"{name!r} stands twice", "Keep one of them"))
            out[name] = plain(value, (*at, name), lines, problems)
            lines[(*at, name)] = line_at(key)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [plain(value, (*at, index), lines, problems) for index, value in enumerate(node.value)]
    if node.tag == "tag:yaml.org,2002:int" and ":" in node.value:
        return str(node.value)  # YAML 1.1 takes 17:00 for 1020
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError, AttributeError, KeyError):  # as of `!!timestamp x`, `!!bool x`
        # YAML's own words would repeat the value, and it may be a secret.
        what = node.tag.rpartition(":")[2].lstrip("!")
        problems.append(Problem(line_at(node), f"this value can't be read as {what}", "Put it in quotes"))
        return None


def explain(
    model: type[BaseModel], loc: tuple[str | int, ...], kind: str, message: str, lines: Lines, what: str
) -> Problem:
    """What pydantic found, as a problem at its line. `what`: what the file calls the thing."""
    line = line_of(loc, lines)
    where = ".".join(map(str, loc)) or f"the {what}"
    allowed = [field.alias or name for name, field in model.model_fields.items()]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), allowed, 1)
        cure = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(allowed)}"
        return Problem(line, f"unknown key {where!r}", cure)
    if kind == "missing":
        return Problem(line, f"{where!r} is missing", f"Add `{loc[-1]}:` to this {what}")
    message = message.removeprefix("Value error, ")
    return Problem(line, f"{where}: {message}", "Change this value")


def line_of(at: tuple[str | int, ...], lines: Lines) -> int:
    """The line of a path, or of what is nearest above it."""
    return next((lines[at[:n]] for n in range(len(at), -1, -1) if at[:n] in lines), 1)


def line_at(node: yaml.Node) -> int:
    """The line on which it begins."""
    return int(node.start_mark.line) + 1
