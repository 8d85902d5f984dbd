-- Views for people, honest at the edges: no percentile below the least or above the greatest duration that was seen (a bucket stands for a
-- value within 1 % of what it holds, which may lie beyond both), and no rate of a running window divided by time that has not passed yet.
CREATE OR REPLACE FUNCTION latency_quantile_ms_between AS (q, latency, least_ns, most_ns) ->
    if(empty(latency), nan, greatest(least_ns / 1e6, least(most_ns / 1e6, latency_quantile_ms(q, latency))));

-- Seconds of a window that have passed, at least one; all of it where the clocks do not agree.
CREATE OR REPLACE FUNCTION covered_s AS (window_start, length_s) ->
    if(now() < window_start, length_s, least(length_s, greatest(1, dateDiff('second', window_start, now()))));

CREATE OR REPLACE VIEW red_10s AS
SELECT
    window_start,
    environment,
    service,
    operation,
    kind,
    spans,
    calls,
    calls / covered_s(window_start, 10) AS rate,
    errors,
    errors / calls AS error_ratio,
    (satisfied + tolerating / 2) / calls AS apdex,
    total_ns / calls / 1e6 AS mean_ms,
    latency_quantile_ms_between(0.5, latency, shortest_ns, longest_ns) AS p50_ms,
    latency_quantile_ms_between(0.9, latency, shortest_ns, longest_ns) AS p90_ms,
    latency_quantile_ms_between(0.95, latency, shortest_ns, longest_ns) AS p95_ms,
    latency_quantile_ms_between(0.99, latency, shortest_ns, longest_ns) AS p99_ms,
    latency_quantile_ms_between(0.999, latency, shortest_ns, longest_ns) AS p999_ms,
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
        min(w.duration_ns_min) AS shortest_ns,
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
    calls / covered_s(window_start, 60) AS rate,
    errors,
    errors / calls AS error_ratio,
    (satisfied + tolerating / 2) / calls AS apdex,
    total_ns / calls / 1e6 AS mean_ms,
    latency_quantile_ms_between(0.5, latency, shortest_ns, longest_ns) AS p50_ms,
    latency_quantile_ms_between(0.9, latency, shortest_ns, longest_ns) AS p90_ms,
    latency_quantile_ms_between(0.95, latency, shortest_ns, longest_ns) AS p95_ms,
    latency_quantile_ms_between(0.99, latency, shortest_ns, longest_ns) AS p99_ms,
    latency_quantile_ms_between(0.999, latency, shortest_ns, longest_ns) AS p999_ms,
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
        min(w.duration_ns_min) AS shortest_ns,
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
    calls / covered_s(window_start, 3600) AS rate,
    errors,
    errors / calls AS error_ratio,
    (satisfied + tolerating / 2) / calls AS apdex,
    total_ns / calls / 1e6 AS mean_ms,
    latency_quantile_ms_between(0.5, latency, shortest_ns, longest_ns) AS p50_ms,
    latency_quantile_ms_between(0.9, latency, shortest_ns, longest_ns) AS p90_ms,
    latency_quantile_ms_between(0.95, latency, shortest_ns, longest_ns) AS p95_ms,
    latency_quantile_ms_between(0.99, latency, shortest_ns, longest_ns) AS p99_ms,
    latency_quantile_ms_between(0.999, latency, shortest_ns, longest_ns) AS p999_ms,
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
        min(w.duration_ns_min) AS shortest_ns,
        max(w.duration_ns_max) AS longest_ns,
        sumMap(w.latency) AS latency
    FROM span_windows_1h AS w
    GROUP BY window_start, environment, service, operation, kind
);
