"""Pieces of generated text: functions, imports that are used, checks of ids."""

from collections.abc import Callable, Iterable

from schemas.otlp import Field, Keep

PUT = {"i64": "put64", "f64": "put64", "i32": "put32", "u32": "put32", "u8": "put8"}
LINE_MAX = 120


def block(lines: Iterable[str]) -> str:
    """Lines as a text."""
    return "\n".join(lines) + "\n"


def indented(lines: Iterable[str], levels: int = 1) -> list[str]:
    """The same, deeper."""
    return ["    " * levels + line for line in lines]


def tag(one: Field, inside: str = "") -> str:
    """The name of a field's tag."""
    return "_".join(part.upper() for part in ("tag", inside, one.name) if part)


def checked_ids(ids: list[Field], place: Callable[[Field], str], names: "Imports") -> list[str]:
    """Lines that give each id's place a name, and end where one is none; references first lose what is none."""
    lines = []
    for one in ids:
        at = place(one)
        length = f"{at[:-1]} + LEN]" if at.endswith("]") else at.replace("_at", "_length")
        if one.keep is Keep.ID:
            names.use("leaf", "id_place")
            lines.append(f"{one.column} = id_place(b, {at}, {length}, {one.size})")
    exact = [one.column for one in ids if one.keep is Keep.ID]
    if exact:
        names.use("codes", "BAD_ID")
        lines += [f"if {' or '.join(f'{name} == BAD_ID' for name in exact)}:", "    return np.int64(BAD_ID)"]
    for one in ids:
        if one.keep is Keep.REFERENCE:
            at = place(one)
            length = f"{at[:-1]} + LEN]" if at.endswith("]") else at.replace("_at", "_length")
            names.use("leaf", "reference_place")
            lines.append(f"{one.column} = reference_place(b, {at}, {length}, {one.size}, walk.counted)")
    return lines


class Imports:
    """The imports of a module, as it comes to need them."""

    def __init__(self, leaf: str) -> None:
        """Of this leaf's kernels."""
        self._own = f"leaves.{leaf}_columns"
        self._used: dict[str, set[str]] = {"fields": {"U8"}, "walk": {"Walk"}}
        self._jit = {"Int", "bare"}

    def use(self, module: str, *names: str) -> str:
        """Names of a module of the wire's kernels; the last one."""
        self._used.setdefault(module, set()).update(names)
        return names[-1]

    def decorators(self, *names: str) -> None:
        """Decorators of `kernels.jit`."""
        self._jit.update(names)

    def own(self, name: str) -> str:
        """A number of the leaf's columns module."""
        return self.use(self._own, name)

    def text(self) -> str:
        """The import block, sorted as the formatter sorts it."""
        lines = ["import numpy as np", "", _line("pipeline.kernels.jit", self._jit)]
        lines += [_line(f"pipeline.kernels.wire.{module}", names) for module, names in sorted(self._used.items())]
        return "\n".join(lines) + "\n"


def _line(module: str, names: set[str]) -> str:
    ordered = sorted(names, key=_rank)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= LINE_MAX:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")"


def _rank(name: str) -> tuple[int, str, int]:
    """Constants, then classes, then functions; numbers at the end of names by value."""
    stem = name.rstrip("0123456789")
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, stem.lower(), int(name.removeprefix(stem) or 0)
