"""Rules and the life of an alert: pure values and functions. Knows no Kafka, no ClickHouse, no clock; time is an argument."""
