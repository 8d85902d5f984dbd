"""Rule files: YAML text to rules, with the line of everything that is wrong and what to write instead.

A file adds to the shipped defaults: `rules` gives rules, of which one with a default's name takes its place; `disable` takes defaults out by name,
`defaults: false` all of them. Promises: nothing of YAML's surprises: no aliases, no duplicate keys, at most 1 MiB; all problems of a file at once.
Names are unique over all files that are loaded together. Does not look at the environment.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import ValidationError

from pipeline import alerting
from pipeline.alerting.in_force import DEFAULTS_NAME, RuleSet
from pipeline.alerting.rules import Rule, nearest
from pipeline.detect.registry import KINDS, kind_of
from pipeline.detect.yaml_text import MAX_BYTES, Lines, Problem, compose, explain, line_at, line_of, plain
from pipeline.errors import Misconfigured
from schemas.families.base import Family

DEFAULTS = Path(alerting.__file__).with_name("defaults")
SUFFIXES = (".yaml", ".yml")
SECTIONS = ("rules", "disable", "defaults")
SHAPE = "Begin with `rules:` and a list of rules under it"


class BadRules(Misconfigured):
    """A file or folder of rules with problems."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        super().__init__(f"{path}: " + "; ".join(map(str, problems)), "Check with `tailrace rules check`")
        self.problems = problems


@dataclass(slots=True)
class RuleFile:
    """What one file says."""

    rules: list[Rule] = field(default_factory=list)
    disable: dict[str, int] = field(default_factory=dict)
    """Name of a shipped rule that it takes out → line."""
    defaults: bool = True
    """False: it takes all of them out."""
    problems: list[Problem] = field(default_factory=list)


def parse(text: str, families: Mapping[str, Family]) -> tuple[list[Rule], list[Problem]]:
    """The rules of one file's text, and what is wrong with it, in the order of lines."""
    found = read_file(text, families)
    return found.rules, found.problems


def load(folder: Path | None, families: Mapping[str, Family]) -> tuple[Rule, ...]:
    """The rules of `load_set`."""
    return load_set(folder, families).rules


def load_set(folder: Path | None, families: Mapping[str, Family]) -> RuleSet:
    """The shipped defaults with what `*.yaml` and `*.yml` of a folder (or one file) add, override and disable. BadRules names line and cure."""
    shipped = {rule.name: rule for file in rule_paths(DEFAULTS) for rule in _file(file, families).rules}
    own: dict[str, Rule] = {}
    sources: dict[str, str] = dict.fromkeys(shipped, DEFAULTS_NAME)
    off: dict[str, tuple[Path, int]] = {}
    defaults = True
    for path in [] if folder is None else rule_paths(folder):
        found = _file(path, families)
        if twice := [rule.name for rule in found.rules if rule.name in own]:
            told = (Problem(1, f"rule {name} is in another file as well", "Rename one of them") for name in twice)
            raise BadRules(path, list(told))
        own |= {rule.name: rule for rule in found.rules}
        sources |= {rule.name: str(path) for rule in found.rules}
        off |= {name: (path, line) for name, line in found.disable.items()}
        defaults = defaults and found.defaults
    for name, (path, line) in off.items():
        if name in own:
            raise BadRules(path, [Problem(line, f"rule {name} is disabled and given", "Keep one: the given overrides")])
        if name not in shipped:
            raise BadRules(path, [Problem(line, f"there is no shipped rule {name!r}", nearest(name, shipped))])
    gone = set(off) if defaults else set(shipped) - set(own)
    rules = {name: rule for name, rule in shipped.items() if name not in gone} | own
    origins = {name: sources[name] for name in rules}
    return RuleSet(tuple(rules.values()), origins, tuple(sorted(gone)), tuple(sorted(set(own) & set(shipped))))


def rule_paths(path: Path) -> list[Path]:
    """The rule files of a folder, or the one that is named; Misconfigured where there is none."""
    if not path.exists():
        raise Misconfigured(f"TAILRACE_RULES names {path}, which is not there", "Make it, or unset the setting")
    return rule_files_in(path) if path.is_dir() else [path]


def rule_files_in(folder: Path) -> list[Path]:
    """Its files of rules: `*.yaml` and `*.yml`, but for the tests of rules that may stand beside them."""
    return sorted(one for one in folder.iterdir() if one.suffix in SUFFIXES and not is_test(one))


def is_test(path: Path) -> bool:
    """Whether a file is one of rule tests by its name: `*.test.yaml`."""
    return path.suffix in SUFFIXES and path.stem.endswith(".test")


def _file(path: Path, families: Mapping[str, Family]) -> RuleFile:
    found = read_file(read_text(path), families)
    if found.problems:
        raise BadRules(path, found.problems)
    return found


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


def read_file(text: str, families: Mapping[str, Family]) -> RuleFile:
    """All that one file's text says, problems in the order of lines."""
    root = compose(text)
    found = RuleFile(problems=[root]) if isinstance(root, Problem) else _sections(root, families)
    found.problems.sort(key=lambda problem: problem.line)
    return found


def _sections(root: yaml.Node | None, families: Mapping[str, Family]) -> RuleFile:
    found = RuleFile()
    if not isinstance(root, yaml.MappingNode):
        found.problems.append(Problem(1, "no mapping with a list of rules", SHAPE))
        return found
    lines: dict[str, list[int]] = {}
    seen: set[str] = set()
    for key, value in root.value:
        name = str(key.value)
        if name in seen:
            found.problems.append(Problem(line_at(key), f"{name!r} stands twice", "Keep one of them"))
        elif name == "rules":
            _take_rules(value, families, found, lines)
        elif name == "disable":
            _take_names(value, found)
        elif name == "defaults":
            found.defaults = str(value.value).lower() != "false"
            if str(value.value).lower() not in ("true", "false"):
                found.problems.append(Problem(line_at(value), "`defaults` is true or false", "Write `defaults: false`"))
        else:
            near = difflib.get_close_matches(name, SECTIONS, 1)
            cure = f"Did you mean {near[0]!r}?" if near and near != ["rules"] else SHAPE
            found.problems.append(Problem(line_at(key), f"unknown key {name!r}", cure))
        seen.add(name)
    if not seen:
        found.problems.append(Problem(1, "no rules", SHAPE))
    found.problems += _twice(found.rules, lines)
    return found


def _take_rules(value: yaml.Node, families: Mapping[str, Family], found: RuleFile, lines: dict[str, list[int]]) -> None:
    if not isinstance(value, yaml.SequenceNode):
        found.problems.append(Problem(line_at(value), "`rules` is not a list", SHAPE))
        return
    for node in value.value:
        rule, wrong = _rule(node, families)
        found.problems += wrong
        if rule is not None:
            found.rules.append(rule)
            lines.setdefault(rule.name, []).append(line_at(node))


def _take_names(value: yaml.Node, found: RuleFile) -> None:
    nodes = value.value if isinstance(value, yaml.SequenceNode) else [value]
    if not all(isinstance(node, yaml.ScalarNode) for node in nodes):
        found.problems.append(
            Problem(line_at(value), "`disable` is not a list of names", "Write `disable: [HighLatency]`")
        )
        return
    found.disable |= {str(node.value): line_at(node) for node in nodes if node.value}


def _rule(node: yaml.Node, families: Mapping[str, Family]) -> tuple[Rule | None, list[Problem]]:
    lines: Lines = {}
    problems: list[Problem] = []
    data = plain(node, (), lines, problems)
    if not isinstance(data, dict):
        return None, [Problem(line_at(node), "a rule is a mapping", "Write `- name: ...` and its other keys under it")]
    kind = kind_of(data)
    if kind is None:
        told = f"there is no detector {data['detector']!r}"
        return None, [*problems, Problem(lines[("detector",)], told, nearest(str(data["detector"]), KINDS))]
    model = kind.rule
    try:
        rule = model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        wrong = [explain(model, one["loc"], one["type"], one["msg"], lines, "rule") for one in details]
        cures = " ".join(one.cure for one in wrong)
        misspelt = [one["type"] == "missing" and f"mean {one['loc'][-1]!r}?" in cures for one in details]
        return None, problems + [one for one, told in zip(wrong, misspelt, strict=True) if not told]
    problems += _of_family(rule, families, lines)
    return (None if problems else rule), problems


def _of_family(rule: Rule, families: Mapping[str, Family], lines: Lines) -> list[Problem]:
    if rule.family not in families:
        told = f"there is no family {rule.family!r}"
        return [Problem(line_of(("family",), lines), told, nearest(rule.family, families))]
    return [
        Problem(line_of(fault.at, lines), fault.message, fault.cure) for fault in rule.faults(families[rule.family])
    ]


def _twice(rules: Iterable[Rule], lines: dict[str, list[int]]) -> list[Problem]:
    return [
        Problem(at[1], f"rule {name} stands twice, first at line {at[0]}", "Rename one of them")
        for name, at in lines.items()
        if len(at) > 1
    ]
