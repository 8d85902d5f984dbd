"""Closed windows made by hand: rows of `SERIES_WINDOWS` from the few figures that a test is about."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.model.series_windows import SeriesWindows
from schemas.columns import SERIES_WINDOWS, WINDOW_S
from schemas.families.spans import SPANS

SHOP: Mapping[str, object] = {"environment": "prod", "service": "shop", "operation": "GET /cart", "kind": "server"}


def row(**figures: object) -> dict[str, object]:
    """One series' row; what isn't named is zero, or the series `GET /cart` of the shop."""
    empty: dict[str, object] = {field.name: [] if pa.types.is_map(field.type) else 0 for field in SERIES_WINDOWS}
    return {**empty, "incomplete": False, **SHOP, **figures}


def closed(
    end_s: int, rows: Sequence[Mapping[str, object]], *, incomplete: bool = False, behind: bool = False
) -> SeriesWindows:
    """The window that ends then."""
    start_s = end_s - WINDOW_S
    filled = [{**one, "window_start_s": start_s, "incomplete": incomplete} for one in rows]
    table = pa.Table.from_pylist(filled, schema=SERIES_WINDOWS)
    return SeriesWindows(0, "0" * 32, start_s, end_s, incomplete, table, SPANS, behind)
