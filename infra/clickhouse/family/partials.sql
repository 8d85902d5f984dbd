-- Sums of `$family` per series and window. Merging is adding, so rows of one key may stand apart at any time: always aggregate over them.
CREATE TABLE IF NOT EXISTS $table
(
    window_start DateTime CODEC(Delta(4), ZSTD(1)),
    $columns
)
ENGINE = {aggregating_merge_tree}
PARTITION BY $partition
ORDER BY ($order, window_start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {deduplication};
