"""The harness: exactly-once work on offset ranges.

Batches, fenced intents, commits, dead-letter limits, back-pressure; no arithmetic, no SQL, no Faust.
"""
