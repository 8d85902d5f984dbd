"""What a broker answers to a fetch, as columns."""
