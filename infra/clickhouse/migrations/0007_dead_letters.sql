-- What the topic `tailrace.dead_letters` holds, without the bytes: one row per topic, epoch, partition, offset and span (-1: the whole record).
CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String),
    epoch LowCardinality(String),
    partition Int32,
    offset Int64 CODEC(Delta(8), ZSTD(1)),
    span_index Int32,
    stage LowCardinality(String),
    reason LowCardinality(String),
    error String CODEC(ZSTD(1)),
    first_seen DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    size_bytes UInt64
)
ENGINE = {replacing_merge_tree}
PARTITION BY toYYYYMM(first_seen)
ORDER BY (topic, epoch, partition, offset, span_index)
SETTINGS ttl_only_drop_parts = 1, {deduplication};
