"""Single-machine Kafka and ClickHouse for the first minute and for tests, and the supervisor over them."""
