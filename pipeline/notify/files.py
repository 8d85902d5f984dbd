"""Routing files: YAML text to a checked `RoutingFile`, with the line of what is wrong and what to write instead.

Promises: all problems at once, none with a value that could be a secret; nothing of YAML's surprises (see
`yaml_text`). Does not look at the environment: secrets are named in the file, and read by who delivers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pipeline.detect.yaml_text import MAX_BYTES, Lines, Problem, compose, explain, line_of, plain
from pipeline.errors import Misconfigured
from pipeline.notify.config import RoutingFile, faults

MAX_LEVELS = 32
"""Of routes in routes."""
SHAPES = {"model_type": "should be a mapping, `key: value`", "tuple_type": "should be a list, `- one`"}
"""Kinds of errors in the words of YAML."""
SHAPE = "Begin with `route:` and `receivers:`"

Loc = tuple[str | int, ...]


class BadRoutes(Misconfigured):
    """A routing file with problems."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        super().__init__(f"{path}: " + "; ".join(map(str, problems)), "Check with `tailrace routes check`")
        self.problems = problems


def load(path: Path) -> RoutingFile:
    """The file's routing. BadRoutes names line and cure."""
    file, problems = parse(read_text(path))
    if file is None or problems:
        raise BadRoutes(path, problems)
    return file


def read_text(path: Path) -> str:
    """A routing file's text; BadRoutes where it is not UTF-8 or too large, Misconfigured where it can't be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path} can't be read: {error.strerror}", "Name a file that can") from None
    if len(data) > MAX_BYTES:
        raise BadRoutes(path, [Problem(1, "the file has more than 1 MiB", "Shorten it")])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadRoutes(path, [Problem(line, "this is not UTF-8", "Save the file as UTF-8")]) from None


def parse(text: str) -> tuple[RoutingFile | None, list[Problem]]:
    """What a file's text says, None where it can't be told, and what is wrong with it, in the order of lines."""
    root = compose(text)
    if isinstance(root, Problem):
        return None, [root]
    if not isinstance(root, yaml.MappingNode):
        return None, [Problem(1, "no mapping", SHAPE)]
    lines: Lines = {}
    problems: list[Problem] = []
    data = plain(root, (), lines, problems)
    file = None
    if too_deep := [at for at in lines if at.count("routes") > MAX_LEVELS]:
        return None, [*problems, Problem(lines[too_deep[0]], "nested too deeply", "Use fewer levels of routes")]
    try:
        file = RoutingFile.model_validate(data)
    except ValidationError as error:
        problems += _problems(error.errors(include_url=False, include_input=False), lines)
    else:
        problems += [Problem(line_of(at, lines), told, cure) for at, told, cure in faults(file)]
    return file, sorted(problems, key=lambda problem: problem.line)


def _problems(errors: list[ErrorDetails], lines: Lines) -> Iterator[Problem]:
    told = set()
    for error in errors:
        if error["type"] == "too_short" and any(_within(other["loc"], error["loc"]) for other in errors):
            continue  # short only because what stands in it is wrong
        model, at = _place(error["loc"], lines)
        kind, message = error["type"], error["msg"]
        if kind == "union_tag_not_found":
            at, kind = (*at, "kind"), "missing"
        elif kind == "union_tag_invalid":
            allowed = error["ctx"]["expected_tags"]
            at, message = (*at, "kind"), f"is no kind of channel; there are {allowed}"
        message = SHAPES.get(kind, message)
        problem = explain(model, at, kind, message, lines, "entry" if len(at) > 1 else "file")
        if problem not in told:
            told.add(problem)
            yield problem


def _within(inner: Loc, outer: Loc) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _place(loc: Loc, lines: Lines) -> tuple[type[BaseModel], Loc]:
    """The model that an error is about, and its path in the file: pydantic names the kind of a channel in between."""
    model: type[BaseModel] = RoutingFile
    at: Loc = ()
    within: list[type[BaseModel]] = [RoutingFile]
    for number, part in enumerate(loc):
        last = number == len(loc) - 1
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        if isinstance(part, int) or part in fields or (last and (*at, part) in lines):
            at = (*at, part)
            if part in fields:
                within = list(_models(fields[str(part)]))
                model = within[0] if len(within) == 1 and not last else model
        elif kinds := [one for one in within if part in get_args(one.model_fields["kind"].annotation)]:
            model = kinds[0]
        else:
            at = (*at, part)
    return model, at


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that stand in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])
    else:
        for inner in get_args(annotation):
            yield from _models(inner)
