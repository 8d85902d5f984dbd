-- `span_index` becomes `item_index`: dead letters of every signal stand here. A sorting key's column can't be renamed, so the rows move into a table of the
-- new form. Each statement may be repeated, wherever the sequence ended before: columns go by their place, and a row that was copied twice is one again.
CREATE TABLE IF NOT EXISTS dead_letters
(
    topic LowCardinality(String),
    epoch LowCardinality(String),
    partition Int32,
    offset Int64 CODEC(Delta(8), ZSTD(1)),
    item_index Int32,
    stage LowCardinality(String),
    reason LowCardinality(String),
    error String CODEC(ZSTD(1)),
    first_seen DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    size_bytes UInt64,
    span_index Int32 ALIAS item_index
)
ENGINE = {replacing_merge_tree}
PARTITION BY toYYYYMM(first_seen)
ORDER BY (topic, epoch, partition, offset, item_index)
SETTINGS ttl_only_drop_parts = 1, {deduplication};

CREATE TABLE IF NOT EXISTS dead_letters_moving
(
    topic LowCardinality(String),
    epoch LowCardinality(String),
    partition Int32,
    offset Int64 CODEC(Delta(8), ZSTD(1)),
    item_index Int32,
    stage LowCardinality(String),
    reason LowCardinality(String),
    error String CODEC(ZSTD(1)),
    first_seen DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    size_bytes UInt64,
    span_index Int32 ALIAS item_index
)
ENGINE = {replacing_merge_tree}
PARTITION BY toYYYYMM(first_seen)
ORDER BY (topic, epoch, partition, offset, item_index)
SETTINGS ttl_only_drop_parts = 1, {deduplication};

INSERT INTO dead_letters_moving SELECT * FROM dead_letters;

OPTIMIZE TABLE dead_letters_moving FINAL;

DROP TABLE dead_letters;

RENAME TABLE dead_letters_moving TO dead_letters;
