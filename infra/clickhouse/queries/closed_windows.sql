-- Closed windows of one partition.
SELECT $columns
FROM $table
WHERE partition = {partition:Int32} AND epoch = {epoch:String} AND window_start >= {since:UInt32} AND window_start < {until:UInt32}
