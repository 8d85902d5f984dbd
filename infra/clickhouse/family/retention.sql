ALTER TABLE $table MODIFY TTL window_start + toInterval$unit({$setting});
