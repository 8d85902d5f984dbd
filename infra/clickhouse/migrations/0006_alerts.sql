-- Every change of every alert, as the topic `alerts` had it.
CREATE TABLE IF NOT EXISTS alert_events
(
    updated_at DateTime64(3) CODEC(Delta(8), ZSTD(1)),
    fingerprint String,
    status LowCardinality(String),
    alertname LowCardinality(String),
    severity LowCardinality(String),
    service LowCardinality(String),
    environment LowCardinality(String),
    labels Map(LowCardinality(String), String),
    annotations Map(LowCardinality(String), String),
    starts_at DateTime64(3),
    ends_at Nullable(DateTime64(3)),
    generator_url String,
    evidence Map(LowCardinality(String), String)
)
ENGINE = {replacing_merge_tree}
PARTITION BY toYYYYMM(updated_at)
ORDER BY (fingerprint, updated_at, status)
SETTINGS ttl_only_drop_parts = 1, {deduplication};

-- What is firing: the last change of each alert, where that was not its resolution.
CREATE OR REPLACE VIEW alerts_now AS
SELECT *
FROM
(
    SELECT *
    FROM alert_events
    ORDER BY fingerprint, updated_at DESC, status DESC
    LIMIT 1 BY fingerprint
)
WHERE status = 'firing';
