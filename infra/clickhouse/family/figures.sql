CREATE OR REPLACE VIEW $view AS
SELECT
    window_start,
    $columns
FROM
(
    SELECT
        window_start,
        $sums
    FROM $table AS w
    GROUP BY window_start, $keys
) AS s;
