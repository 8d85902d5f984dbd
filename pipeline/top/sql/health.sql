-- The pipeline's own pulse: spans counted in the last closed minute (per second) and in all, rows stored, dead letters.
SELECT
    (
        SELECT sum(spans)
        FROM span_windows
        WHERE window_start >= toStartOfInterval(now(), INTERVAL 10 SECOND) - INTERVAL 60 SECOND
            AND window_start < toStartOfInterval(now(), INTERVAL 10 SECOND)
    ) / 60 AS spans_per_s,
    (SELECT sum(spans) FROM span_windows_1h) AS spans,
    (SELECT count() FROM otel_traces) AS rows,
    (SELECT count() FROM dead_letters) AS dead_letters
