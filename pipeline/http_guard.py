"""Who may speak to an HTTP server of ours: the guard against web pages that a browser on this machine happens to show.

Promises: one rule for every server. A server on loopback answers only to loopback names in `Host` (so a name that was
rebound to 127.0.0.1 reaches nothing), and any server refuses requests that a page of another origin caused (`Origin`,
`Sec-Fetch-Site`), except origins that the settings name. Programs send none of these headers and notice nothing. An
address that others can reach must be locked or asked for.

It doesn't know keys, paths or bodies. Collectors may import it (docs/adr/0008-doors.md).
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.errors import Misconfigured

if TYPE_CHECKING:  # settings ask what is loopback, and load no server for it
    from aiohttp import web
    from aiohttp.typedefs import Middleware

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address of that host; brackets around IPv6 don't matter."""
    host = host.strip("[]").lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def objection(headers: Mapping[str, str], *, bound_host: str, origins: Collection[str] = ()) -> str | None:
    """Why a request with these headers isn't answered; None = it is.

    `headers` is looked up by `Host`, `Origin` and `Sec-Fetch-Site` (any mapping that finds them), `bound_host` is the
    address that the server listens on, `origins` the web origins that may send (`*` = all).
    """
    host = headers.get("Host", "")
    if host and is_loopback(bound_host) and not is_loopback(_hostname(host)):
        return f"this server answers to localhost and 127.0.0.1, not to Host {host[:100]!r}"
    origin = headers.get("Origin")
    if origin is None:
        site = headers.get("Sec-Fetch-Site", "none").strip().lower()
        foreign = site not in ("none", "same-origin") and "*" not in origins
        return "a page of another site caused this request" if foreign else None
    if origin in origins or "*" in origins or _is_own(origin, host):
        return None
    return f"web pages of origin {origin[:100]!r} may not send here"


def guard(bound_host: str, origins: Collection[str] = ()) -> Middleware:
    """The rule as a middleware of aiohttp: 403 with the reason, before the handler and before a body is read."""
    from aiohttp import web

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        why = objection(request.headers, bound_host=bound_host, origins=origins)
        if why is None:
            return await handler(request)
        refused = web.Response(status=403, text=why + "\n")
        refused.force_close()
        return refused

    return guarded


def server_log(name: str) -> logging.Logger:
    """The log of an HTTP server's library, for `web.AppRunner(logger=…)`, without what clients do wrong.

    They are told, and bytes of theirs (keys, too) stay out of our log. A fault of ours is still logged, with its
    traceback.
    """
    log = logging.getLogger(name)
    log.addFilter(_ours)  # the same function again changes nothing
    return log


def _ours(record: logging.LogRecord) -> bool:
    from aiohttp.http_exceptions import HttpProcessingError

    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError)


def demand_locked(setting: str, address: str, *, insecure_setting: str, insecure: bool, locked: bool = False) -> None:
    """Misconfigured, unless the address is loopback, locked (TLS and keys), or said to be meant."""
    if insecure or locked or is_loopback(address.rpartition(":")[0]):
        return
    raise Misconfigured(
        f"{setting} = {address} is reachable from other machines and has no login",
        f"Bind it to 127.0.0.1, or set {insecure_setting}=1 if that is meant",
    )


def _hostname(host: str) -> str:
    """`Host` without its port."""
    if host.startswith("["):
        return host.partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _is_own(origin: str, host: str) -> bool:
    """Whether the page came from this very server."""
    parts = urlsplit(origin)
    return bool(host) and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
