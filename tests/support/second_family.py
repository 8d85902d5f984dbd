"""A second family: jobs that workers of a queue did. It exists in tests only, to show that one takes no line outside its own files.

Keys, kinds of sums, sketched quantity (microseconds of waiting) and place differ from those of spans. Facts only.
"""

from schemas.families.base import OVERFLOW, Family, Figure, Kind, Part, Sum

JOBS = Family(
    name="jobs",
    partial_keys=("region", "queue", "task", "outcome"),
    keys=("queue", "region", "task"),
    place=("queue",),
    sums=(
        Sum("waited_us", "us", Kind.MODULO),
        Sum("jobs", "jobs", Kind.PLAIN),
        Sum("cost", "credits", Kind.WEIGHTED),
        Sum("failed", "jobs", Kind.PLAIN, Part("jobs", "outcome", "failed")),
        Sum("waited_us_max", "us", Kind.MOST),
    ),
    count="jobs",
    came="jobs",
    figures=(
        Figure("jobs", "jobs", lambda given: given.sums["jobs"], whole=True, zero_when_silent=True),
        Figure("cost_rate", "credits/s", lambda given: given.sums["cost"] / given.length_s, zero_when_silent=True),
        Figure("failed_ratio", "1", lambda given: given.sums["failed"] / given.came),
        Figure("wait_mean_ms", "ms", lambda given: given.sums["waited_us"] / given.came / 1e3),
        Figure("wait_p90_ms", "ms", quantile=0.9, scale=1e3),
    ),
    partials_table="job_windows",
    series_table="job_series",
    sketch="waits",
    overflow={"region": "", "task": OVERFLOW},
)
