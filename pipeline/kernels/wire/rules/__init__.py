"""Checks of leaves beyond single fields: one module a leaf, with `check` and, where columns are made of attributes, `note`."""
