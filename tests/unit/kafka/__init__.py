"""Kafka's formats and wire."""
