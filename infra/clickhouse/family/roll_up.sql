CREATE MATERIALIZED VIEW IF NOT EXISTS ${target}_mv TO $target AS
SELECT
    $start(w.window_start) AS window_start,
    $columns
FROM $table AS w
GROUP BY window_start, $keys;
