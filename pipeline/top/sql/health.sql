-- The pipeline's own pulse: how many spans of late, how old the newest row is, how many dead letters.
SELECT
    (SELECT sum(spans) FROM span_windows WHERE window_start >= now() - INTERVAL 70 SECOND AND window_start < now() - INTERVAL 10 SECOND) / 60 AS spans_per_s,
    (SELECT sum(spans) FROM span_windows) AS spans,
    (SELECT count() FROM otel_traces WHERE Timestamp >= now() - INTERVAL 1 HOUR) AS rows_1h,
    (SELECT count() FROM dead_letters) AS dead_letters
