"""The five things that flow, each with one home.

Records → SpanColumns → WindowPartials → SeriesWindows → Finding (→ Alert, in `schemas`).
"""
