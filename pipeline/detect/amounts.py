"""Figures as people read them: `21.7 %`, `340 µs`, `1.2 s`.

Promises: pure; the nearest unit of time, three or four digits that count, no powers of ten. Evidence keeps the numbers themselves. Fills no text.
"""

from __future__ import annotations

import math
from typing import Final

from schemas.families.base import Figure

SECONDS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
SCALE: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
PER_CENT: Final = "%"


def unit_of(figure: Figure | None) -> str:
    """The unit in which people are told of it; empty for a bare number."""
    if figure is None:
        return ""
    if figure.share and not figure.score:
        return PER_CENT
    return "" if figure.unit == "1" else figure.unit


def amount(value: float, unit: str) -> str:
    """With its unit. `%`: the value is a share of 1."""
    if not math.isfinite(value):
        return str(value)
    if unit == PER_CENT:
        share = 100 * value
        return f"{number(share, 5 if 99 < share < 100 else 3)} %"
    if unit in SECONDS:
        seconds = float(f"{value * SECONDS[unit]:.4g}")
        size, name = next((one for one in SCALE if abs(seconds) >= one[0]), (1e-9, "ns"))
        return f"{number(seconds / size)} {name}" if seconds else f"0 {unit}"
    return f"{number(value)} {unit}".rstrip()


def number(value: float, digits: int = 4) -> str:
    """So many digits that count; thousands apart."""
    if not math.isfinite(value):
        return str(value)
    rounded = float(f"{value:.{digits}g}")
    if rounded and abs(rounded) < 1e-6:
        return f"{rounded:g}"
    text = f"{rounded:,.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
