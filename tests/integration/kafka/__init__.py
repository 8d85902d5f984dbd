"""A real Kafka, started, killed and asked."""
