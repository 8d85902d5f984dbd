-- How long rows stay. `tailrace migrate` brings each table's TTL to what stands here whenever a setting changed; whole parts are dropped.
-- Written as the server itself writes them down, so that the two can be compared.
ALTER TABLE otel_traces MODIFY TTL toDateTime(Timestamp) + toIntervalDay({retain_spans_d});
ALTER TABLE otel_traces_trace_id_ts MODIFY TTL End + toIntervalDay({retain_spans_d});
ALTER TABLE otel_logs MODIFY TTL toDateTime(Timestamp) + toIntervalDay({retain_logs_d});
ALTER TABLE otel_metrics_gauge MODIFY TTL toDateTime(TimeUnix) + toIntervalDay({retain_metrics_d});
ALTER TABLE otel_metrics_sum MODIFY TTL toDateTime(TimeUnix) + toIntervalDay({retain_metrics_d});
ALTER TABLE otel_metrics_histogram MODIFY TTL toDateTime(TimeUnix) + toIntervalDay({retain_metrics_d});
ALTER TABLE otel_metrics_exp_histogram MODIFY TTL toDateTime(TimeUnix) + toIntervalDay({retain_metrics_d});
ALTER TABLE otel_metrics_summary MODIFY TTL toDateTime(TimeUnix) + toIntervalDay({retain_metrics_d});
ALTER TABLE span_windows MODIFY TTL window_start + toIntervalHour({retain_windows_10s_h});
ALTER TABLE span_windows_1m MODIFY TTL window_start + toIntervalDay({retain_windows_1m_d});
ALTER TABLE span_windows_1h MODIFY TTL window_start + toIntervalDay({retain_windows_1h_d});
ALTER TABLE series_windows MODIFY TTL window_start + toIntervalHour({retain_windows_10s_h});
ALTER TABLE alert_events MODIFY TTL toDateTime(updated_at) + toIntervalDay({retain_alerts_d});
ALTER TABLE dead_letters MODIFY TTL toDateTime(first_seen) + toIntervalDay({retain_dead_letters_d});
ALTER TABLE detector_snapshots MODIFY TTL window_end + toIntervalHour({retain_windows_10s_h});
