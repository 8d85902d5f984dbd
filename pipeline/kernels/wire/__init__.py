"""Protobuf's wire format as arrays: one pass over the bytes of many records, no object per message.

Promises: never reads outside the range it was given, always advances, answers an error as a negative code. Makes no
texts of its own but numbers'.
"""
