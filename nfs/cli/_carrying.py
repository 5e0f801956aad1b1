"""Where a token may go: nowhere that somebody reads it on the way."""

from __future__ import annotations

import contextlib
from ipaddress import ip_address
from urllib.parse import urlsplit


def may_carry_a_token(url: str) -> bool:
    """Whether this is a URL, and a token sent there is read by nobody on the way."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises as well
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(parts.hostname)
    with contextlib.suppress(ValueError):
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    return parts.scheme == "http" and parts.hostname == "localhost"
