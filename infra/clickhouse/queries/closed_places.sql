-- In which partition each place was heard.
SELECT partition, toString(epoch) AS epoch, $columns
FROM $table
WHERE window_start >= {since:UInt32} AND window_start < {until:UInt32}
GROUP BY ALL
