"""Decode: `Records` to `SpanColumns` or `LogColumns`, and dead letters."""

from pipeline.stages.decode.logs import decode_logs
from pipeline.stages.decode.rules import Decoded, DecodedLogs, DecodeRules, LogRules
from pipeline.stages.decode.stage import decode

__all__ = ["DecodeRules", "Decoded", "DecodedLogs", "LogRules", "decode", "decode_logs"]
