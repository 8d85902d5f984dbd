"""Latency sketches."""
