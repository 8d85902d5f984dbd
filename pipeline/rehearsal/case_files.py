"""Files of rule tests: YAML text to cases, with the line of everything that is wrong and what to write instead.

Promises: all problems of a file at once, as rule files tell theirs. Reads the file and the rules that it names; judges nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from pipeline.alerting.rules import Rule, nearest
from pipeline.detect.rule_files import BadRules, load, read_text
from pipeline.detect.yaml_text import Lines, Problem, compose, explain, line_of, plain
from pipeline.errors import Misconfigured
from pipeline.rehearsal.case import STATES, Case, CaseFile, SeriesInput
from pipeline.rehearsal.inputs import Input, InputError, read
from schemas.families.base import Family


class BadCases(BadRules):
    """A file of rule tests with problems."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        Misconfigured.__init__(self, f"{path}: " + "; ".join(map(str, problems)), "See docs/rules-as-code.md")
        self.path, self.problems = path, problems


@dataclass(frozen=True, slots=True)
class Ready:
    """A case that can be run."""

    case: Case
    rules: tuple[Rule, ...]
    inputs: Mapping[str, tuple[Input, ...]]
    """By name of the family."""
    lines: Mapping[int, int]
    """Number of the expectation → line."""
    line: int


def load_cases(path: Path, families: Mapping[str, Family]) -> list[Ready]:
    """Everything that a file says; BadCases names line and cure, BadRules what is wrong with the rules that it is about."""
    try:
        text = read_text(path)
    except BadRules as error:
        raise BadCases(path, error.problems) from None
    problems: list[Problem] = []
    lines: Lines = {}
    file = _file(text, problems, lines)
    if file is None:
        raise BadCases(path, sorted(problems, key=lambda problem: problem.line))
    rules = _rules(path, file, families, lines)
    ready = [_ready(case, number, rules, families, lines, problems) for number, case in enumerate(file.tests)]
    if problems:
        raise BadCases(path, sorted(problems, key=lambda problem: problem.line))
    return ready


def _file(text: str, problems: list[Problem], lines: Lines) -> CaseFile | None:
    root = compose(text)
    if isinstance(root, Problem) or root is None:
        problems.append(root or Problem(1, "no tests", "Begin with `tests:` and a list of tests under it"))
        return None
    data = plain(root, (), lines, problems)
    if not isinstance(data, dict):
        problems.append(Problem(1, "no mapping with a list of tests", "Begin with `tests:` and a list under it"))
        return None
    _verbatim(root, data)
    try:
        file = CaseFile.model_validate(data)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            loc = tuple(part for part in one["loc"] if isinstance(part, int) or not part.startswith("function-"))
            problems.append(explain(_model_of(loc), loc, one["type"], one["msg"], lines, _called(loc)))
        return None
    return None if problems else file


def _verbatim(root: yaml.Node, data: dict[str, Any]) -> None:
    """What came, as it is written: to YAML `0x6` is a number."""
    for number, case in enumerate(_items(_value(root, "tests"))):
        for place, series in enumerate(_items(_value(case, "series"))):
            for key, value in series.value if isinstance(series, yaml.MappingNode) else ():
                if isinstance(value, yaml.ScalarNode) and key.value not in SeriesInput.model_fields:
                    data["tests"][number]["series"][place][key.value] = value.value


def _value(node: yaml.Node, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _rules(path: Path, file: CaseFile, families: Mapping[str, Family], lines: Lines) -> tuple[Rule, ...]:
    if not file.rules:
        return load(None, families)
    folder = path.parent / file.rules
    if not folder.exists():
        told = f"rules: {folder} is not there"
        raise BadCases(path, [Problem(line_of(("rules",), lines), told, "Name a rule file or a folder, from here on")])
    return load(folder, families)


def _ready(
    case: Case,
    number: int,
    rules: Sequence[Rule],
    families: Mapping[str, Family],
    lines: Lines,
    problems: list[Problem],
) -> Ready:
    here = ("tests", number)
    known = [rule.name for rule in rules]
    wanted: list[tuple[tuple[str | int, ...], str]] = [(("only",), name) for name in case.only]
    for place, moment in enumerate(case.expect):
        for state in STATES:
            named = getattr(moment, state) or ()
            wanted += [(("expect", place, state, at), one.alert) for at, one in enumerate(named)]
    about = set(case.only or known)
    for at, name in wanted:
        line = line_of((*here, *at), lines)
        if name not in known and name != "TooManyAlerts":
            problems.append(Problem(line, f"there is no rule {name!r}", nearest(name, known)))
        elif name not in about and name in known:
            problems.append(Problem(line, f"{name!r} is not among `only`", "Name it there, too"))
    inputs: dict[str, list[Input]] = {}
    for place, series in enumerate(case.series):
        here_in = (*here, "series", place)
        if series.family not in families:
            cure = nearest(series.family, families)
            problems.append(
                Problem(line_of((*here_in, "family"), lines), f"there is no family {series.family!r}", cure)
            )
            continue
        try:
            given = series.model_extra or {}
            one = read(families[series.family], series.keys, given, series.begins)
        except InputError as error:
            told = f"{'.'.join(error.at)}: {error.message}"
            problems.append(Problem(line_of((*here_in, *error.at), lines), told, error.cure))
        else:
            inputs.setdefault(series.family, []).append(one)
    expected = {place: line_of((*here, "expect", place), lines) for place in range(len(case.expect))}
    kept = tuple(rule for rule in rules if rule.name in about)
    return Ready(case, kept, {name: tuple(some) for name, some in inputs.items()}, expected, line_of(here, lines))


def _model_of(loc: Sequence[str | int]) -> type[BaseModel]:
    """The model of the innermost mapping that a path leads into."""
    model: type[BaseModel] = CaseFile
    for part in loc[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _inner(model.model_fields[part].annotation) or model
    return model


def _inner(kind: Any) -> type[BaseModel] | None:  # noqa: ANN401 - an annotation
    if isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, BaseModel):
        return kind
    return next((found for arg in get_args(kind) if (found := _inner(arg)) is not None), None)


def _called(loc: Sequence[str | int]) -> str:
    names = {"tests": "test", "series": "series", "expect": "expectation"}
    return next((names[part] for part in reversed(loc[:-1]) if isinstance(part, str) and part in names), "file")
