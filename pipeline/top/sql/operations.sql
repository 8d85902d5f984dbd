-- Rolling minute of each series, as stage 2 closed it and the rules judge it; where most time is spent comes first.
-- Rates are per second of the time that the service was heard, which is less than a minute in its first one.
SELECT
    service,
    operation,
    kind,
    calls / covered AS rate,
    error_ratio,
    p50_ms,
    p95_ms,
    p99_ms,
    apdex,
    if(sum(calls * mean_ms) OVER () = 0, 0, calls * mean_ms / sum(calls * mean_ms) OVER ()) AS time_share
FROM
(
    SELECT
        service,
        operation,
        kind,
        argMax(rate_1m, window_start) * 60 AS calls,
        argMax(error_ratio_1m, window_start) AS error_ratio,
        argMax(p50_ms_1m, window_start) AS p50_ms,
        argMax(p95_ms_1m, window_start) AS p95_ms,
        argMax(p99_ms_1m, window_start) AS p99_ms,
        argMax(apdex_1m, window_start) AS apdex,
        argMax(mean_ms_1m, window_start) AS mean_ms,
        least(60, dateDiff('second', min(min(window_start)) OVER (PARTITION BY environment, service), max(window_start)) + 10) AS covered
    FROM series_windows
    WHERE window_start >= now() - INTERVAL 90 SECOND
    GROUP BY environment, service, operation, kind
)
WHERE calls > 0
ORDER BY calls * mean_ms DESC, service, operation
LIMIT 500
