-- Alerts that are firing, and those resolved lately.
SELECT status, alertname, severity, service, annotations['summary'] AS summary, starts_at, ends_at
FROM
(
    SELECT *
    FROM alert_events
    WHERE updated_at >= now() - INTERVAL 1 DAY
    ORDER BY fingerprint, updated_at DESC, status DESC
    LIMIT 1 BY fingerprint
)
WHERE status = 'firing' OR updated_at >= now() - INTERVAL 10 MINUTE
ORDER BY status = 'firing' DESC, starts_at DESC
LIMIT 200
