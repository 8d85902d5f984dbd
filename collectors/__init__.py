"""How data gets in: one folder a collector. Knows `schemas`, never the pipeline."""
