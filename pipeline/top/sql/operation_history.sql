-- One operation by window of 10 s, the five minutes before the window that is open now; `ago` counts windows from 1.
WITH toStartOfInterval(now(), INTERVAL 10 SECOND) AS open
SELECT
    intDiv(dateDiff('second', w.window_start, open), 10) AS ago,
    sum(w.calls) / 10 AS rate,
    sumIf(w.calls, w.status = 'error') / sum(w.calls) AS error_ratio,
    latency_quantile_ms(0.99, sumMap(w.latency)) AS p99_ms,
    (sum(w.satisfied) + sum(w.tolerating) / 2) / sum(w.calls) AS apdex
FROM span_windows AS w
WHERE w.window_start >= open - INTERVAL 5 MINUTE AND w.window_start < open
    AND w.service = {service:String} AND w.operation = {operation:String} AND w.kind = {kind:String}
GROUP BY w.window_start
HAVING sum(w.calls) > 0
