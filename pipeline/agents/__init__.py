"""Faust adapters and the harness: batching, fenced intents, commits, dead letters. No arithmetic, no SQL."""
