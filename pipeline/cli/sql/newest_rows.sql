-- Ages in seconds of the newest span, window and closed window; NULL where there is none. Parts' minima and maxima answer it.
SELECT
    (SELECT if(count() = 0, NULL, dateDiff('millisecond', max(Timestamp), now64(3)) / 1000) FROM otel_traces) AS span_s,
    (SELECT if(count() = 0, NULL, dateDiff('second', max(window_start), now())) FROM span_windows) AS window_s,
    (SELECT if(count() = 0, NULL, dateDiff('second', max(window_start), now())) FROM series_windows) AS closed_s
