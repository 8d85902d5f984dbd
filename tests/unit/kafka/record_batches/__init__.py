"""Record batches from bytes to columns."""
