-- The pipeline's own pulse: spans counted in the last closed minute (per second of what there is of it) and in all, rows stored, dead letters.
WITH toStartOfInterval(now(), INTERVAL 10 SECOND) AS open
SELECT
    (
        SELECT sumIf(spans, window_start >= open - INTERVAL 60 SECOND)
            / greatest(10, least(60, dateDiff('second', min(window_start), open)))
        FROM span_windows
        WHERE window_start >= open - INTERVAL 5 MINUTE AND window_start < open
    ) AS spans_per_s,
    (SELECT sum(spans) FROM span_windows_1h) AS spans,
    (SELECT count() FROM otel_traces) AS rows,
    (SELECT count() FROM dead_letters) AS dead_letters
