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
        self._columns = {key: pc.dictionary_encode(rows.column(key).combine_chunks()) for key in SERIES_KEYS}
        self._rows = rows.num_rows

    def mask(self, match: Match) -> Mask:
        """bool[rows]: the series that the rule is about."""
        mask = np.ones(self._rows, dtype=np.bool_)
        for key, column in self._columns.items():
            globs: tuple[str, ...] = getattr(match, key)
            if globs == ("*",) or not self._rows:
                continue
            wanted = np.array([matches(globs, name) for name in column.dictionary.to_pylist()], dtype=np.bool_)
            mask &= wanted[column.indices.to_numpy(zero_copy_only=False)]
        return mask

    def key(self, row: int, keys: tuple[str, ...] = SERIES_KEYS) -> tuple[str, ...]:
        """The key values of one row."""
        return tuple(str(self._columns[key][row].as_py()) for key in keys)

    def rows_of(self, wanted: Collection[tuple[str, ...]], among: Mask) -> list[int]:
        """Rows whose whole key is one of these."""
        mask = among.copy()
        for place, key in enumerate(SERIES_KEYS):
            column = self._columns[key]
            values = {one[place] for one in wanted}
            known = np.array([name in values for name in column.dictionary.to_pylist()], dtype=np.bool_)
            mask &= known[column.indices.to_numpy(zero_copy_only=False)]
        return [int(row) for row in np.flatnonzero(mask) if self.key(int(row)) in wanted]

    def distinct(self, mask: Mask, keys: tuple[str, ...]) -> list[tuple[str, ...]]:
        """The distinct values of these key columns in the rows that are meant, sorted."""
        if not mask.any():
            return []
        chosen = pa.table({key: self._columns[key].filter(pa.array(mask)) for key in keys})
        groups = chosen.group_by(list(keys)).aggregate([])
        return sorted(zip(*(groups.column(key).to_pylist() for key in keys), strict=True))
