-- What stage two closed of `$family`: a window's merged sums, then the rolling figures that end with it. One row per series and window;
-- `partition` and `epoch` are those of the topic `tailrace.windows`.
CREATE TABLE IF NOT EXISTS $table
(
    window_start DateTime CODEC(Delta(4), ZSTD(1)),
    partition Int32,
    epoch LowCardinality(String),
    $columns
)
ENGINE = {merge_tree}
PARTITION BY toDate(window_start)
ORDER BY ($order, window_start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {deduplication};
