"""Rows as blocks."""
