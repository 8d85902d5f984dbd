"""Why a request was not taken, and what each reason is called on either wire.

The pairs follow the OTLP specification: a client sends again only what is marked retryable here. One class, many kinds:
the doors need no list of exceptions, and a new kind can't be forgotten by one of them.
"""

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Meaning:
    """HTTP status and gRPC code of a kind of refusal, and whether the same request may be sent again."""

    http: int
    grpc: int
    retryable: bool = False


class Kind(Enum):
    """All reasons for not taking a request."""

    MALFORMED = Meaning(400, 3)
    UNAUTHENTICATED = Meaning(401, 16)
    FORBIDDEN = Meaning(403, 7)
    NOT_FOUND = Meaning(404, 5)
    METHOD_NOT_ALLOWED = Meaning(405, 12)
    TIMED_OUT = Meaning(408, 4)
    TOO_LARGE = Meaning(413, 8)
    UNSUPPORTED = Meaning(415, 12)
    BUSY = Meaning(429, 8, retryable=True)
    INTERNAL = Meaning(500, 13)
    UNAVAILABLE = Meaning(503, 14, retryable=True)


class Refused(Exception):  # noqa: N818 - a signal, named by its meaning
    """A request that was not taken, wholly: nothing of it is on Kafka, except that `UNAVAILABLE` may mean "not known"."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class CannotOpen(Exception):  # noqa: N818
    """A door's address can't be listened on; the message names the setting and the cure."""

    def __init__(self, setting: str, address: str, why: object) -> None:
        cure = (
            "another process has the port, or the address is not this machine's: stop that process or set another one"
        )
        super().__init__(f"{setting}={address} can't be opened ({why}); {cure}")
