-- What is looked into, by version, in the last five minutes: one operation, or with operation '' a service's entry spans (all where it has none).
WITH
    toStartOfInterval(now() - INTERVAL 5 MINUTE, INTERVAL 10 SECOND) AS since,
    (SELECT countIf(kind IN ('server', 'consumer')) > 0 FROM span_windows WHERE window_start >= since AND service = {service:String}) AS has_entries
SELECT
    version,
    total / greatest(10, dateDiff('second', first, now())) AS rate,
    errors / total AS error_ratio,
    errors,
    least(latency_quantile_ms(0.5, latencies), max_ms) AS p50_ms,
    least(latency_quantile_ms(0.9, latencies), max_ms) AS p90_ms,
    least(latency_quantile_ms(0.95, latencies), max_ms) AS p95_ms,
    least(latency_quantile_ms(0.99, latencies), max_ms) AS p99_ms,
    least(latency_quantile_ms(0.999, latencies), max_ms) AS p999_ms,
    longest_ns / 1e6 AS max_ms
FROM
(
    SELECT
        w.version AS version,
        min(w.window_start) AS first,
        sum(w.calls) AS total,
        sumIf(w.calls, w.status = 'error') AS errors,
        max(w.duration_ns_max) AS longest_ns,
        sumMap(w.latency) AS latencies
    FROM span_windows AS w
    WHERE w.window_start >= since AND w.service = {service:String}
        AND if({operation:String} = '', NOT has_entries OR w.kind IN ('server', 'consumer'),
               w.operation = {operation:String} AND w.kind = {kind:String})
    GROUP BY w.version
)
WHERE total > 0
ORDER BY rate DESC, version
LIMIT 50
