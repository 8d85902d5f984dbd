-- Every series that was ever counted and is still kept.
SELECT environment, service, operation, kind FROM span_windows_1h GROUP BY environment, service, operation, kind
