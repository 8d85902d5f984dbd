-- Each service in the last minute, the window that is open now included: its entry spans (server, consumer), or all where it has none.
WITH
    toStartOfInterval(now() - INTERVAL 50 SECOND, INTERVAL 10 SECOND) AS since,
    (SELECT groupUniqArray(service) FROM span_windows WHERE window_start >= since AND kind IN ('server', 'consumer')) AS entered
SELECT
    service,
    total / greatest(10, dateDiff('second', first, now())) AS rate,
    errors / total AS error_ratio,
    latency_quantile_ms(0.5, latencies) AS p50_ms,
    latency_quantile_ms(0.99, latencies) AS p99_ms,
    (good + bearable / 2) / total AS apdex
FROM
(
    SELECT
        w.service AS service,
        min(w.window_start) AS first,
        sum(w.calls) AS total,
        sumIf(w.calls, w.status = 'error') AS errors,
        sum(w.satisfied) AS good,
        sum(w.tolerating) AS bearable,
        sumMap(w.latency) AS latencies
    FROM span_windows AS w
    WHERE w.window_start >= since AND (w.kind IN ('server', 'consumer') OR NOT has(entered, w.service))
    GROUP BY w.service
)
WHERE total > 0
ORDER BY rate DESC, service
LIMIT 50
