"""The log of an HTTP server's library, without what clients do wrong: they are told, and bytes of theirs (keys, too) stay out of our log.

Promises: what is a fault of ours is still logged, with its traceback. Does not count refusals.
"""

import logging

from aiohttp.http_exceptions import HttpProcessingError

NAME = "collectors.http.server"


def _ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def server_log() -> logging.Logger:
    """For `web.AppRunner(logger=…)`."""
    log = logging.getLogger(NAME)
    log.addFilter(_ours)  # the same function again changes nothing
    return log
