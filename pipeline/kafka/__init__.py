"""Kafka's formats and wire: record batches, frames, questions of our own. Knows neither Faust nor what records mean."""
