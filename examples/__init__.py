"""Examples: the shop that the demo runs."""
