"""Gates over the code itself."""
