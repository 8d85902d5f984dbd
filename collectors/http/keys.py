"""API keys: `authorization: Bearer <key>` or `x-api-key: <key>`, compared in constant time."""

import hmac
from collections.abc import Sequence

from pydantic import SecretStr

from collectors.http.errors import Kind, Refused


def demand(keys: Sequence[SecretStr], authorization: str, api_key: str) -> None:
    """`Refused` unless one of the headers holds a key; no keys set = everybody may."""
    if not keys:
        return
    scheme, _, token = authorization.partition(" ")
    offered = [token.strip()] if scheme.lower() == "bearer" else []
    offered.append(api_key)
    # Every pair is compared, so that time tells nothing about which key came close.
    known = [key.get_secret_value().encode() for key in keys]
    texts = [text.encode(errors="replace") for text in offered]
    matches = [hmac.compare_digest(key, text) for key in known for text in texts]
    if not any(matches):
        raise Refused(Kind.UNAUTHENTICATED, "an API key is needed: authorization: Bearer <key>, or x-api-key: <key>")
