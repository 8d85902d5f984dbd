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

from pipeline.alerting.rules import SERIES_KEYS, Match

Mask = npt.NDArray[np.bool_]


@cache
def _compiled(globs: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    taken = [glob for glob in globs if not glob.startswith("!")] or ["*"]
    left_out = [glob[1:] for glob in globs if glob.startswith("!")]
    refused = re.compile("|".join(map(translate, left_out))) if left_out else None
    return re.compile("|".join(map(translate, taken))), refused


def matches(globs: tuple[str, ...], name: str) -> bool:
    """Whether these globs mean this name."""
    taken, refused = _compiled(globs)
    return taken.match(name) is not None and (refused is None or refused.match(name) is None)


class Names:
    """The key columns of one table, each distinct value once."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows.num_rows
        self._values: dict[str, list[str]] = {}
        self._places: dict[str, npt.NDArray[np.int32]] = {}
        for key in SERIES_KEYS:
            column = pc.dictionary_encode(rows.column(key).combine_chunks())
            self._values[key] = column.dictionary.to_pylist()
            self._places[key] = column.indices.to_numpy(zero_copy_only=False)

    def mask(self, match: Match) -> Mask:
        """bool[rows]: the series that the rule is about."""
        mask = np.ones(self._rows, dtype=np.bool_)
        for key in SERIES_KEYS:
            globs: tuple[str, ...] = getattr(match, key)
            if globs != ("*",) and self._rows:
                wanted = np.array([matches(globs, name) for name in self._values[key]], dtype=np.bool_)
                mask &= wanted[self._places[key]]
        return mask

    def key(self, row: int, keys: tuple[str, ...] = SERIES_KEYS) -> tuple[str, ...]:
        """The key values of one row."""
        return tuple(self._values[key][self._places[key][row]] for key in keys)

    def rows_of(self, wanted: Collection[tuple[str, ...]], among: Mask) -> list[int]:
        """Rows whose whole key is one of these."""
        mask = among.copy()
        for place, key in enumerate(SERIES_KEYS):
            values = {one[place] for one in wanted}
            known = np.array([name in values for name in self._values[key]], dtype=np.bool_)
            mask &= known[self._places[key]]
        return [int(row) for row in np.flatnonzero(mask) if self.key(int(row)) in wanted]

    def distinct(self, mask: Mask, keys: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The distinct values of these key columns in the rows that are meant, sorted."""
        if not mask.any():
            return []
        rows = np.flatnonzero(mask)
        codes = np.zeros(len(rows), np.int64)
        for key in keys:
            codes = codes * len(self._values[key]) + self._places[key][rows]
        _, firsts = np.unique(codes, return_index=True)
        return sorted(self.key(int(row), keys) for row in rows[firsts])
