"""Agents: loops, Route-Record and Proxy-Info (RFC 6733 sections 6.1, 6.2 and 6.7)."""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.rules import ANSWER, ERROR, NONE, REQUEST, Found, Hit, rule
from diameter.capture.checks.sight import ORIGIN_HOST, Sight, text_of

ROUTE_RECORD: Final = 282
PROXY_INFO: Final = 284


@rule(
    "route-record-loop", ERROR, "RFC 6733 section 6.1.3", "Route-Record shows that a request goes in a circle.", REQUEST
)
def route_record_loop(one: Sight) -> Found:
    """An identity twice, or that of the sender or of the receiver."""
    visited: set[bytes] = set()
    ends = {
        one.identity.lower(): "the sender",
        one.connection.identities.get(one.captured.destination, b"").lower(): "the receiver",
    }
    ends.pop(b"", None)
    for head, data in one.every(ROUTE_RECORD):
        name = data.lower()
        if name in visited:
            return (Hit(f"Route-Record {text_of(data)} twice", f"{text_of(data)} twice", head),)
        if name in ends:
            return (Hit(f"Route-Record {text_of(data)} is {ends[name]}", f"{text_of(data)} is {ends[name]}", head),)
        visited.add(name)
    return NONE


@rule("route-record-missing", ERROR, "RFC 6733 section 6.1.9", "A forwarded request has no Route-Record.", REQUEST)
def route_record_missing(one: Sight) -> Found:
    """Forwarded: the sender on this connection is not the one who made it."""
    origin, sender = one.raw(ORIGIN_HOST), one.identity
    if not origin or not sender or origin.lower() == sender.lower() or one.find(ROUTE_RECORD) >= 0:
        return NONE
    if one.between_neighbours:
        return NONE
    return (Hit(f"{text_of(sender)} forwards a request of {text_of(origin)} without Route-Record", text_of(sender)),)


@rule(
    "proxy-info-echo", ERROR, "RFC 6733 section 6.2", "An answer does not hold its request's Proxy-Info, in order.",
    ANSWER,
)  # fmt: skip
def proxy_info_echo(one: Sight) -> Found:
    """Unchanged, all of them, in the same order."""
    asked = one.asked
    if asked is None:
        return NONE
    echoed = tuple(data for _, data in one.every(PROXY_INFO))
    if echoed == asked.proxies:
        return NONE
    if len(echoed) < len(asked.proxies):
        text = f"{len(echoed)} of {len(asked.proxies)} Proxy-Info of the request"
    elif len(echoed) > len(asked.proxies):
        text = f"{len(echoed)} Proxy-Info, the request has {len(asked.proxies)}"
    else:
        text = "Proxy-Info is not that of the request"
    return (Hit(text, one.place.short, one.find(PROXY_INFO)),)
