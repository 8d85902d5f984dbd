"""Which series a rule is about: globs over distinct values, so that the cost is per name and not per row.

Promises: pure; case matters; a name matches when one of the plain globs does and none with a leading `!`. Only exclusions
mean "all but these".
"""

import re
from collections.abc import Collection
from fnmatch import translate
from functools import cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.alerting.rules import ANY, Rule

Mask = npt.NDArray[np.bool_]


@cache
def _compiled(glob: str) -> re.Pattern[str]:
    return re.compile(translate(glob))


def matches(globs: tuple[str, ...], name: str) -> bool:
    """Whether these globs mean this name."""
    return bool(wanted(globs, pa.array([name]))[0])


def wanted(globs: tuple[str, ...], names: pa.Array) -> Mask:
    """bool[names]: whether these globs mean each name."""
    left_out = [glob[1:] for glob in globs if glob.startswith("!")]
    taken = [glob for glob in globs if not glob.startswith("!")] or ["*"]
    mask = np.zeros(len(names), np.bool_)
    for glob in taken:
        mask |= _meant(glob, names)
    for glob in left_out:
        mask &= ~_meant(glob, names)
    return mask


def _meant(glob: str, names: pa.Array) -> Mask:
    """Plain names, beginnings, ends and middles without Python per name; other globs with it."""
    text = glob.strip("*")
    if not text:
        return np.ones(len(names), np.bool_) if glob else np.asarray(pc.equal(names, ""))
    if _SPECIAL.search(text):
        pattern = _compiled(glob)
        return np.array([pattern.match(name) is not None for name in names.to_pylist()], np.bool_)
    begins, ends = not glob.startswith("*"), not glob.endswith("*")
    if begins and ends:
        return np.asarray(pc.equal(names, text))
    if begins:
        return np.asarray(pc.starts_with(names, text))
    return np.asarray(pc.ends_with(names, text) if ends else pc.match_substring(names, text))


_SPECIAL = re.compile(r"[*?\[]")


class Names:
    """The key columns of one table, each distinct value once."""

    def __init__(self, rows: pa.Table, keys: tuple[str, ...]) -> None:
        self._rows, self._keys = rows.num_rows, keys
        self._values: dict[str, pa.Array] = {}
        self._places: dict[str, npt.NDArray[np.int32]] = {}
        for key in keys:
            column = pc.dictionary_encode(rows.column(key).combine_chunks())
            self._values[key] = column.dictionary
            self._places[key] = column.indices.to_numpy(zero_copy_only=False)

    def mask(self, rule: Rule) -> Mask:
        """bool[rows]: the series that the rule is about."""
        mask = np.ones(self._rows, dtype=np.bool_)
        for key in self._keys:
            globs = rule.globs(key)
            if globs != ANY and self._rows:
                mask &= wanted(globs, self._values[key])[self._places[key]]
        return mask

    def key(self, row: int) -> tuple[str, ...]:
        """The key values of one row."""
        return tuple(self._values[key][int(self._places[key][row])].as_py() for key in self._keys)

    def in_order(self, rows: npt.NDArray[np.int64]) -> list[int]:
        """These rows by their keys, whatever order the table has."""
        ranks = []
        for key in reversed(self._keys):
            order = np.asarray(pc.sort_indices(self._values[key]))
            rank = np.empty(len(order), np.int64)
            rank[order] = np.arange(len(order))
            ranks.append(rank[self._places[key][rows]])
        return [int(row) for row in rows[np.lexsort(ranks)]]

    def rows_of(self, looked_for: Collection[tuple[str, ...]], among: Mask) -> list[int]:
        """Rows whose whole key is one of these."""
        mask = among.copy()
        for place, key in enumerate(self._keys):
            values = pa.array(sorted({one[place] for one in looked_for}), pa.string())
            mask &= np.asarray(pc.is_in(self._values[key], values))[self._places[key]]
        return [int(row) for row in np.flatnonzero(mask) if self.key(int(row)) in looked_for]

    def distinct(self, mask: Mask, keys: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The distinct values of these key columns in the rows that are meant, sorted."""
        if not mask.any():
            return []
        rows = np.flatnonzero(mask)
        codes = np.zeros(len(rows), np.int64)
        for key in keys:
            codes = codes * len(self._values[key]) + self._places[key][rows]
        _, firsts = np.unique(codes, return_index=True)
        columns = [self._values[key].take(pa.array(self._places[key][rows[firsts]])).to_pylist() for key in keys]
        return sorted(zip(*columns, strict=True))
