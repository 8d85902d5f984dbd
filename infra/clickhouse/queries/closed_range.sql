-- Which closed windows of one partition there are.
SELECT toUnixTimestamp(min(window_start)), toUnixTimestamp(max(window_start)), count()
FROM $table
WHERE partition = {partition:Int32} AND epoch = {epoch:String} AND window_start >= {since:UInt32}
