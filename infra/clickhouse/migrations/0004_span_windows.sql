-- Sums per series and window. Merging is adding, so rows of one key may stand apart at any time: always sum over them (the views red_* do).
-- `spans` are counted, all other sums are weighted by how many spans each one stands for. `latency`: DDSketch bucket -> weighted count.
CREATE TABLE IF NOT EXISTS span_windows
(
    window_start DateTime CODEC(Delta(4), ZSTD(1)),
    environment LowCardinality(String),
    service LowCardinality(String),
    version LowCardinality(String),
    operation LowCardinality(String),
    kind LowCardinality(String),
    status LowCardinality(String),
    spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    calls SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    duration_ns SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    satisfied SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    tolerating SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    duration_ns_min SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    duration_ns_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    latency SimpleAggregateFunction(sumMap, Map(Int32, Float64)) CODEC(ZSTD(1))
)
ENGINE = {aggregating_merge_tree}
PARTITION BY toDate(window_start)
ORDER BY (service, operation, kind, environment, status, version, window_start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {deduplication};

CREATE TABLE IF NOT EXISTS span_windows_1m
(
    window_start DateTime CODEC(Delta(4), ZSTD(1)),
    environment LowCardinality(String),
    service LowCardinality(String),
    version LowCardinality(String),
    operation LowCardinality(String),
    kind LowCardinality(String),
    status LowCardinality(String),
    spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    calls SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    duration_ns SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    satisfied SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    tolerating SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    duration_ns_min SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    duration_ns_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    latency SimpleAggregateFunction(sumMap, Map(Int32, Float64)) CODEC(ZSTD(1))
)
ENGINE = {aggregating_merge_tree}
PARTITION BY toYYYYMM(window_start)
ORDER BY (service, operation, kind, environment, status, version, window_start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {deduplication};

CREATE TABLE IF NOT EXISTS span_windows_1h
(
    window_start DateTime CODEC(Delta(4), ZSTD(1)),
    environment LowCardinality(String),
    service LowCardinality(String),
    version LowCardinality(String),
    operation LowCardinality(String),
    kind LowCardinality(String),
    status LowCardinality(String),
    spans SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    calls SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    duration_ns SimpleAggregateFunction(sum, UInt64) CODEC(ZSTD(1)),
    satisfied SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    tolerating SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    duration_ns_min SimpleAggregateFunction(min, UInt64) CODEC(ZSTD(1)),
    duration_ns_max SimpleAggregateFunction(max, UInt64) CODEC(ZSTD(1)),
    latency SimpleAggregateFunction(sumMap, Map(Int32, Float64)) CODEC(ZSTD(1))
)
ENGINE = {aggregating_merge_tree}
PARTITION BY toYYYYMM(window_start)
ORDER BY (service, operation, kind, environment, status, version, window_start)
SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1, {deduplication};

CREATE MATERIALIZED VIEW IF NOT EXISTS span_windows_1m_mv TO span_windows_1m AS
SELECT
    toStartOfMinute(w.window_start) AS window_start,
    environment,
    service,
    version,
    operation,
    kind,
    status,
    sum(w.spans) AS spans,
    sum(w.calls) AS calls,
    sum(w.duration_ns) AS duration_ns,
    sum(w.satisfied) AS satisfied,
    sum(w.tolerating) AS tolerating,
    min(w.duration_ns_min) AS duration_ns_min,
    max(w.duration_ns_max) AS duration_ns_max,
    sumMap(w.latency) AS latency
FROM span_windows AS w
GROUP BY window_start, environment, service, version, operation, kind, status;

CREATE MATERIALIZED VIEW IF NOT EXISTS span_windows_1h_mv TO span_windows_1h AS
SELECT
    toStartOfHour(w.window_start) AS window_start,
    environment,
    service,
    version,
    operation,
    kind,
    status,
    sum(w.spans) AS spans,
    sum(w.calls) AS calls,
    sum(w.duration_ns) AS duration_ns,
    sum(w.satisfied) AS satisfied,
    sum(w.tolerating) AS tolerating,
    min(w.duration_ns_min) AS duration_ns_min,
    max(w.duration_ns_max) AS duration_ns_max,
    sumMap(w.latency) AS latency
FROM span_windows AS w
GROUP BY window_start, environment, service, version, operation, kind, status;
