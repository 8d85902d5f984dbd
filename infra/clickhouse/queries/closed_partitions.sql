-- Which partitions have closed windows, the last part of each.
SELECT partition, toString(epoch) AS epoch, toUnixTimestamp(min(window_start)), toUnixTimestamp(max(window_start)), uniqExact(window_start), count()
FROM $table
WHERE window_start >= {since:UInt32} AND window_start < {until:UInt32}
GROUP BY partition, epoch
ORDER BY 3, partition
