"""Decode: `Records` to `SpanColumns` and dead letters."""

from pipeline.stages.decode.rules import Decoded, DecodeRules
from pipeline.stages.decode.stage import decode

__all__ = ["DecodeRules", "Decoded", "decode"]
