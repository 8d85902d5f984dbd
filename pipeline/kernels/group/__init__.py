"""Grouping by key bytes: hash, compare, number."""
