"""Rule files: YAML text to rules, with the line of everything that is wrong and what to write instead.

Promises: nothing of YAML's surprises: no aliases, no duplicate keys, at most 1 MiB; all problems of a file at once. Names are
unique over all files that are loaded together. Does not look at the environment.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from pipeline import alerting
from pipeline.alerting.rules import Rule, nearest
from pipeline.detect.registry import KINDS, kind_of
from pipeline.errors import Misconfigured
from schemas.families.base import Family

DEFAULTS = Path(alerting.__file__).with_name("defaults")
MAX_BYTES = 1 << 20

Lines = dict[tuple[str | int, ...], int]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place, and the cure."""

    line: int
    message: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}. {self.cure}"


class BadRules(Misconfigured):
    """A file or folder of rules with problems."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        super().__init__(f"{path}: " + "; ".join(map(str, problems)), "Check with `tailrace rules check`")
        self.problems = problems


def parse(text: str, families: Mapping[str, Family]) -> tuple[list[Rule], list[Problem]]:
    """The rules of one file's text, and what is wrong with the others, in the order of lines."""
    rules, lines, problems = _read(text, families)
    return rules, sorted(problems + _twice(rules, lines), key=lambda problem: problem.line)


def load(folder: Path | None, families: Mapping[str, Family]) -> tuple[Rule, ...]:
    """All rules of `*.yaml` and `*.yml` in a folder (or of one file); without one, the shipped defaults. BadRules names line and cure."""
    path = folder or DEFAULTS
    if not path.exists():
        raise Misconfigured(f"TAILRACE_RULES names {path}, which is not there", "Make it, or unset the setting")
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    rules: dict[str, Rule] = {}
    for file in files:
        found, problems = parse(read_text(file), families)
        for rule in found:
            if rule.name in rules:
                problems.append(Problem(1, f"rule {rule.name} is in another file as well", "Rename one of them"))
            rules[rule.name] = rule
        if problems:
            raise BadRules(file, problems)
    return tuple(rules.values())


def read_text(path: Path) -> str:
    """A rule file's text; BadRules where it is not UTF-8 or too large."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} can't be read: {error.strerror}", "Name a file that can") from None
    if len(data) > MAX_BYTES:
        raise BadRules(path, [Problem(1, "the file has more than 1 MiB", "Split it")])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadRules(path, [Problem(line, "this is not UTF-8", "Save the file as UTF-8")]) from None


def _read(text: str, families: Mapping[str, Family]) -> tuple[list[Rule], dict[str, list[int]], list[Problem]]:
    names: dict[str, list[int]] = {}
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            return [], names, [Problem(1, "the file uses an alias (*name)", "Write the value out")]
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return [], names, [Problem(line, f"not YAML: {error.problem}", "Mend that line; mind colons and indentation")]
    except yaml.YAMLError as error:
        return [], names, [Problem(1, f"not YAML: {error}", "Remove the character")]
    except RecursionError:
        return [], names, [Problem(1, "nested too deeply", "A rule has two levels")]
    items = _items(root)
    if isinstance(items, Problem):
        return [], names, [items]
    rules: list[Rule] = []
    problems: list[Problem] = []
    for node in items:
        rule, wrong = _rule(node, families)
        problems += wrong
        if rule is not None:
            rules.append(rule)
            names.setdefault(rule.name, []).append(_line(node))
    return rules, names, problems


def _items(root: yaml.Node | None) -> list[yaml.Node] | Problem:
    shape = "Begin with `rules:` and a list of rules under it"
    if not isinstance(root, yaml.MappingNode):
        return Problem(1, "no mapping with a list of rules", shape)
    for key, value in root.value:
        if key.value != "rules":
            return Problem(_line(key), f"unknown key {key.value!r}", shape)
        if not isinstance(value, yaml.SequenceNode):
            return Problem(_line(value), "`rules` is not a list", shape)
        return list(value.value)
    return Problem(1, "no rules", shape)


def _rule(node: yaml.Node, families: Mapping[str, Family]) -> tuple[Rule | None, list[Problem]]:
    lines: Lines = {}
    problems: list[Problem] = []
    data = _plain(node, (), lines, problems)
    if not isinstance(data, dict):
        return None, [Problem(_line(node), "a rule is a mapping", "Write `- name: ...` and its other keys under it")]
    kind = kind_of(data)
    if kind is None:
        told = f"there is no detector {data['detector']!r}"
        return None, [*problems, Problem(lines[("detector",)], told, nearest(str(data["detector"]), KINDS))]
    model = kind.rule
    try:
        rule = model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        wrong = [_explain(model, one["loc"], one["type"], one["msg"], lines) for one in details]
        cures = " ".join(one.cure for one in wrong)
        misspelt = [one["type"] == "missing" and f"mean {one['loc'][-1]!r}?" in cures for one in details]
        return None, problems + [one for one, told in zip(wrong, misspelt, strict=True) if not told]
    problems += _of_family(rule, families, lines)
    return (None if problems else rule), problems


def _of_family(rule: Rule, families: Mapping[str, Family], lines: Lines) -> list[Problem]:
    if rule.family not in families:
        told = f"there is no family {rule.family!r}"
        return [Problem(_line_of(("family",), lines), told, nearest(rule.family, families))]
    return [
        Problem(_line_of(fault.at, lines), fault.message, fault.cure) for fault in rule.faults(families[rule.family])
    ]


def _plain(node: yaml.Node, at: tuple[str | int, ...], lines: Lines, problems: list[Problem]) -> object:
    lines[at] = _line(node)
    if isinstance(node, yaml.MappingNode):
        out: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in out:
                problems.append(Problem(_line(key), f"{name!r} stands twice", "Keep one of them"))
            out[name] = _plain(value, (*at, name), lines, problems)
            lines[(*at, name)] = _line(key)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_plain(value, (*at, index), lines, problems) for index, value in enumerate(node.value)]
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError) as error:
        problems.append(Problem(_line(node), f"this value can't be read: {error}", "Put it in quotes"))
        return None


def _explain(model: type[BaseModel], loc: tuple[str | int, ...], kind: str, message: str, lines: Lines) -> Problem:
    line = _line_of(loc, lines)
    where = ".".join(map(str, loc)) or "the rule"
    allowed = [field.alias or name for name, field in model.model_fields.items()]
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), allowed, 1)
        cure = f"Did you mean {near[0]!r}?" if near else f"Known are {', '.join(allowed)}"
        return Problem(line, f"unknown key {where!r}", cure)
    if kind == "missing":
        return Problem(line, f"{where!r} is missing", f"Add `{loc[-1]}:` to this rule")
    message = message.removeprefix("Value error, ")
    return Problem(line, f"{where}: {message}", "Change this value")


def _line_of(at: tuple[str | int, ...], lines: Lines) -> int:
    return next((lines[at[:n]] for n in range(len(at), -1, -1) if at[:n] in lines), 1)


def _twice(rules: Iterable[Rule], lines: dict[str, list[int]]) -> list[Problem]:
    return [
        Problem(at[1], f"rule {name} stands twice, first at line {at[0]}", "Rename one of them")
        for name, at in lines.items()
        if len(at) > 1
    ]


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
