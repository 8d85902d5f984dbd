"""Forced cases: what chance would not hit, made to happen on the real Kafka and the real engine, one test each."""
