"""Families: each kind of series that becomes windows, as data. `spans` is the first.

Says nothing of how sums are merged or stored.
"""
