"""End to end: real processes, real servers."""
