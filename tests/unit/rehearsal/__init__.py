"""Rules tried without servers."""
