"""Stage 2's agent: one partition of `tailrace.windows`, over the pure stages of `pipeline.stages`."""
