"""What travels: topics, JSON models, Arrow schemas, examples.

Knows nothing of the pipeline, the collectors or any transport.
"""
