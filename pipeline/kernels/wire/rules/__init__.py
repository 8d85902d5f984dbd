"""Checks of leaves beyond single fields.

One module a leaf, with `check` and, where columns are made of attributes, `note`.
"""
