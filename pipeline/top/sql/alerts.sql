-- Alerts that are firing, and those resolved lately.
SELECT status, labels['alertname'] AS name, labels['severity'] AS severity, labels['service'] AS service,
       annotations['summary'] AS summary, starts_at, ends_at
FROM alerts_now
WHERE status = 'firing' OR updated_at >= now() - INTERVAL 10 MINUTE
ORDER BY status = 'firing' DESC, starts_at DESC
LIMIT 8
