-- Rates, errors, durations for people. Rates are per second, ratios 0-1.
-- Functions are the server's, not a database's: every database of one server shares this one.
-- A bucket i >= 0 of `latency` stands for 0.99 * (101/99)^i ns, within 1 % of all that it holds; a bucket below 0 for durations of zero.
-- The quantile is the least bucket whose cumulative count reaches q * total; nan where there is nothing.
CREATE OR REPLACE FUNCTION latency_quantile_ms AS (q, latency) ->
    arrayMap(
        bucket -> multiIf(empty(latency), nan, bucket < 0, 0., 0.99e-6 * pow(101 / 99, bucket)),
        [
            arrayElement(
                mapKeys(latency),
                least(
                    toUInt64(length(mapKeys(latency))),
                    toUInt64(1 + arrayCount(below -> below < q * arraySum(mapValues(latency)), arrayCumSum(mapValues(latency))))
                )
            )
        ]
    )[1];

CREATE OR REPLACE VIEW red_10s AS
SELECT
    window_start,
    environment,
    service,
    operation,
    kind,
    spans,
    calls,
    calls / 10 AS rate,
    errors,
    errors / calls AS error_ratio,
    (satisfied + tolerating / 2) / calls AS apdex,
    total_ns / calls / 1e6 AS mean_ms,
    latency_quantile_ms(0.5, latency) AS p50_ms,
    latency_quantile_ms(0.9, latency) AS p90_ms,
    latency_quantile_ms(0.95, latency) AS p95_ms,
    latency_quantile_ms(0.99, latency) AS p99_ms,
    latency_quantile_ms(0.999, latency) AS p999_ms,
    longest_ns / 1e6 AS max_ms
FROM
(
    SELECT
        window_start,
        environment,
        service,
        operation,
        kind,
        sum(w.spans) AS spans,
        sum(w.calls) AS calls,
        sumIf(w.calls, w.status = 'error') AS errors,
        sum(w.satisfied) AS satisfied,
        sum(w.tolerating) AS tolerating,
        sum(w.duration_ns) AS total_ns,
        max(w.duration_ns_max) AS longest_ns,
        sumMap(w.latency) AS latency
    FROM span_windows AS w
    GROUP BY window_start, environment, service, operation, kind
);

CREATE OR REPLACE VIEW red_1m AS
SELECT
    window_start,
    environment,
    service,
    operation,
    kind,
    spans,
    calls,
    calls / 60 AS rate,
    errors,
    errors / calls AS error_ratio,
    (satisfied + tolerating / 2) / calls AS apdex,
    total_ns / calls / 1e6 AS mean_ms,
    latency_quantile_ms(0.5, latency) AS p50_ms,
    latency_quantile_ms(0.9, latency) AS p90_ms,
    latency_quantile_ms(0.95, latency) AS p95_ms,
    latency_quantile_ms(0.99, latency) AS p99_ms,
    latency_quantile_ms(0.999, latency) AS p999_ms,
    longest_ns / 1e6 AS max_ms
FROM
(
    SELECT
        window_start,
        environment,
        service,
        operation,
        kind,
        sum(w.spans) AS spans,
        sum(w.calls) AS calls,
        sumIf(w.calls, w.status = 'error') AS errors,
        sum(w.satisfied) AS satisfied,
        sum(w.tolerating) AS tolerating,
        sum(w.duration_ns) AS total_ns,
        max(w.duration_ns_max) AS longest_ns,
        sumMap(w.latency) AS latency
    FROM span_windows_1m AS w
    GROUP BY window_start, environment, service, operation, kind
);

CREATE OR REPLACE VIEW red_1h AS
SELECT
    window_start,
    environment,
    service,
    operation,
    kind,
    spans,
    calls,
    calls / 3600 AS rate,
    errors,
    errors / calls AS error_ratio,
    (satisfied + tolerating / 2) / calls AS apdex,
    total_ns / calls / 1e6 AS mean_ms,
    latency_quantile_ms(0.5, latency) AS p50_ms,
    latency_quantile_ms(0.9, latency) AS p90_ms,
    latency_quantile_ms(0.95, latency) AS p95_ms,
    latency_quantile_ms(0.99, latency) AS p99_ms,
    latency_quantile_ms(0.999, latency) AS p999_ms,
    longest_ns / 1e6 AS max_ms
FROM
(
    SELECT
        window_start,
        environment,
        service,
        operation,
        kind,
        sum(w.spans) AS spans,
        sum(w.calls) AS calls,
        sumIf(w.calls, w.status = 'error') AS errors,
        sum(w.satisfied) AS satisfied,
        sum(w.tolerating) AS tolerating,
        sum(w.duration_ns) AS total_ns,
        max(w.duration_ns_max) AS longest_ns,
        sumMap(w.latency) AS latency
    FROM span_windows_1h AS w
    GROUP BY window_start, environment, service, operation, kind
);
