"""Other people's programs against our doors; not part of `make test`."""
