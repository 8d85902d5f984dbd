"""`tailrace demo` as a person starts it."""
