"""The domain, in verbs: each stage is a pure step from one of the five things to the next.

Knows no Kafka, ClickHouse, loop or clock.
"""
