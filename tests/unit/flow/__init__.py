"""Routes as a whole."""
