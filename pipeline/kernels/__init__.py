"""Numbers only: wire scan, sketches, windows, Native blocks.

No formats of ours, no transport, clock, chance or event loop.
"""
