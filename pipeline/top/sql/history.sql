-- The same by window of 10 s, for the sparklines: the five minutes before the window that is open now; `ago` counts windows from 1.
WITH
    toStartOfInterval(now(), INTERVAL 10 SECOND) AS open,
    (SELECT groupUniqArray(service) FROM span_windows WHERE window_start >= open - INTERVAL 5 MINUTE AND kind IN ('server', 'consumer')) AS entered
SELECT
    service,
    intDiv(dateDiff('second', start, open), 10) AS ago,
    total / 10 AS rate,
    errors / total AS error_ratio,
    latency_quantile_ms(0.99, latencies) AS p99_ms,
    (good + bearable / 2) / total AS apdex
FROM
(
    SELECT
        w.service AS service,
        w.window_start AS start,
        sum(w.calls) AS total,
        sumIf(w.calls, w.status = 'error') AS errors,
        sum(w.satisfied) AS good,
        sum(w.tolerating) AS bearable,
        sumMap(w.latency) AS latencies
    FROM span_windows AS w
    WHERE w.window_start >= open - INTERVAL 5 MINUTE AND w.window_start < open
        AND (w.kind IN ('server', 'consumer') OR NOT has(entered, w.service))
    GROUP BY w.service, w.window_start
)
WHERE total > 0
