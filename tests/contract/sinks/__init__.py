"""Sinks, real and in memory."""
