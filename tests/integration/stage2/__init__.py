"""Stage 2 on real servers."""
