"""Stage 2, the pure part: partials to closed windows with rolling figures."""

from pipeline.stages.merge.rolling import Closable, MergeRules, RollingState
from pipeline.stages.merge.watermark import Source

__all__ = ["Closable", "MergeRules", "RollingState", "Source"]
