"""The harness by itself."""
