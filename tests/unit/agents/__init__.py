"""The harness and what stands beside it."""
