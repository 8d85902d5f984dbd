"""Kernels over Kafka's log: record batches as they stand on the wire."""
