-- What the demo must have seen: rows of how many services, and what became of the injected fault's alert.
SELECT
    (SELECT count() FROM otel_traces) AS rows,
    (SELECT uniqExact(ServiceName) FROM otel_traces) AS services,
    (SELECT sum(spans) FROM span_windows) AS counted,
    (SELECT countIf(status = 'firing') FROM alert_events WHERE service = {service:String}) AS fired,
    (SELECT count() FROM alerts_now WHERE service = {service:String} AND status = 'firing') AS firing_now,
    (SELECT countIf(status = 'firing') FROM alert_events WHERE service = {slow:String}) AS slow_found
