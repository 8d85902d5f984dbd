-- Rolling minute of each series, as stage 2 closed it and the rules judge it; where most time is spent comes first.
SELECT
    service,
    operation,
    kind,
    argMax(rate_1m, window_start) AS rate,
    argMax(error_ratio_1m, window_start) AS error_ratio,
    argMax(p50_ms_1m, window_start) AS p50_ms,
    argMax(p95_ms_1m, window_start) AS p95_ms,
    argMax(p99_ms_1m, window_start) AS p99_ms,
    argMax(apdex_1m, window_start) AS apdex
FROM series_windows
WHERE window_start >= now() - INTERVAL 90 SECOND
GROUP BY environment, service, operation, kind
HAVING rate > 0
ORDER BY rate * argMax(mean_ms_1m, window_start) DESC, service, operation
LIMIT 30
