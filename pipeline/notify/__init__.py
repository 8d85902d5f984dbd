"""Who is told of alerts, when and how often: routing, mute times, on-call, escalation.

Pure: no network, no clock, no store.
"""
