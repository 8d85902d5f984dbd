"""Sums over sliding windows."""
