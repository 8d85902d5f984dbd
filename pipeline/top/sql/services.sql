-- Each service in the last minute, the window that is open now included: its entry spans (server, consumer), or all where it has none.
-- Rates are per second of the time that it was heard, which is less than a minute in its first one.
WITH
    toStartOfInterval(now() - INTERVAL 50 SECOND, INTERVAL 10 SECOND) AS since,
    (SELECT groupUniqArray(service) FROM span_windows WHERE window_start >= since AND kind IN ('server', 'consumer')) AS entered
SELECT
    service,
    total / greatest(1, dateDiff('second', greatest(first, since), now())) AS rate,
    errors / total AS error_ratio,
    latency_quantile_ms(0.5, latencies) AS p50_ms,
    latency_quantile_ms(0.99, latencies) AS p99_ms,
    (good + bearable / 2) / total AS apdex,
    if(sum(took) OVER () = 0, 0, took / sum(took) OVER ()) AS time_share
FROM
(
    SELECT
        w.service AS service,
        min(w.window_start) AS first,
        sumIf(w.calls, w.window_start >= since) AS total,
        sumIf(w.calls, w.status = 'error' AND w.window_start >= since) AS errors,
        sumIf(w.satisfied, w.window_start >= since) AS good,
        sumIf(w.tolerating, w.window_start >= since) AS bearable,
        sumIf(w.duration_ns, w.window_start >= since) AS took,
        sumMapIf(w.latency, w.window_start >= since) AS latencies
    FROM span_windows AS w
    WHERE w.window_start >= since - INTERVAL 5 MINUTE AND (w.kind IN ('server', 'consumer') OR NOT has(entered, w.service))
    GROUP BY w.service
)
WHERE total > 0
ORDER BY rate DESC, service
LIMIT 500
