-- p95 of each 10 s window of the last five minutes, for the sparklines.
SELECT service, operation, kind, groupArray(p95_ms) AS p95_ms
FROM
(
    SELECT service, operation, kind, window_start, max(p95_ms) AS p95_ms
    FROM red_10s
    WHERE window_start >= now() - INTERVAL 5 MINUTE
    GROUP BY service, operation, kind, window_start
    ORDER BY window_start
)
GROUP BY service, operation, kind
