"""Stage 2, the pure part: partials to closed windows with rolling figures."""

from pipeline.stages.merge.rolling import Closable, MergeRules, RollingState
from pipeline.stages.merge.source_progress import NO_BOOKMARK, Bookmark
from pipeline.stages.merge.watermark import Source

__all__ = ["NO_BOOKMARK", "Bookmark", "Closable", "MergeRules", "RollingState", "Source"]
