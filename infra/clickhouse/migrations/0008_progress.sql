-- Which partitions have been worked on: where no offset is committed but a row stands here, offsets were lost; it is not a beginning.
CREATE TABLE IF NOT EXISTS progress
(
    topic LowCardinality(String),
    epoch LowCardinality(String),
    partition Int32,
    `group` LowCardinality(String),
    offset Int64,
    updated_at DateTime64(3) DEFAULT now64(3)
)
ENGINE = {replacing_merge_tree}(updated_at)
ORDER BY (topic, epoch, partition, `group`)
SETTINGS {deduplication};
