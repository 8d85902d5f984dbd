"""What shapes the sums: Apdex thresholds and the limit of series. Part of the hash of row-shaping settings.

Does not hold anything that changes while the worker runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True, slots=True)
class AggregateRules:
    """Row-shaping settings of `aggregate`."""

    apdex_s: float = 0.5
    """Apdex threshold T, seconds."""
    apdex_by_service: Mapping[str, float] = field(default_factory=dict)
    """T of single services."""
    series_per_service: int = 1000
    """Series of one service in one batch; smaller ones go to its overflow series."""


def thresholds_ns(services: pa.StringArray, rules: AggregateRules) -> npt.NDArray[np.int64]:
    """Apdex T of each service given, whole nanoseconds."""
    if not rules.apdex_by_service:
        return np.full(len(services), _ns(rules.apdex_s), np.int64)
    own = pa.array(rules.apdex_by_service.keys(), pa.string())
    values = np.array([*map(_ns, rules.apdex_by_service.values()), _ns(rules.apdex_s)], np.int64)
    places = pc.fill_null(pc.index_in(services, value_set=own), len(own))
    thresholds: npt.NDArray[np.int64] = values[places.to_numpy(zero_copy_only=False)]
    return thresholds


def _ns(seconds: float) -> int:
    """Not more than 2^60 ns, so that 4 T has an int64."""
    return min(round(seconds * 1e9), 1 << 60)
