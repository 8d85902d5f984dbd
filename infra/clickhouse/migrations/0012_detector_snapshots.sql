-- What detectors remember beyond the closed windows of the last hour: usual gaps, and who was last heard when. One row per rule,
-- those of one moment in one block; `partition` and `epoch` are those of the topic `tailrace.windows`.
CREATE TABLE IF NOT EXISTS detector_snapshots
(
    window_end DateTime CODEC(Delta(4), ZSTD(1)),
    partition Int32,
    epoch LowCardinality(String),
    family LowCardinality(String),
    rule LowCardinality(String),
    rule_hash LowCardinality(String),
    version UInt32,
    state String CODEC(ZSTD(1))
)
ENGINE = {merge_tree}
PARTITION BY toDate(window_end)
ORDER BY (epoch, partition, family, window_end, rule)
SETTINGS index_granularity = 64, ttl_only_drop_parts = 1, {deduplication};
