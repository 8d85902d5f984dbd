"""Stage 2's agent."""
