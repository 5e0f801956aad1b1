"""Overload control: RFC 7683 (DOIC), RFC 8583 (Load) and RFC 7944 (DRMP), without I/O."""

from __future__ import annotations

from typing import Final

from diameter.message.message import Message
from diameter.routing.held import DEFAULT
from diameter.wire import avp

DRMP: Final = 301


def share_of(limit: int, priority: int) -> int:
    """How many of `limit` places a request of `priority` may find taken: all at 0, and less by up to a quarter below.

    So the last places are for the highest priorities when a queue fills (RFC 7944 section 6).
    """
    return limit - limit * priority // 60


def priority_of(message: Message) -> int:
    """DRMP of a message, 0 (highest) to 15; 10 without one, or with one that is no priority (RFC 7944 section 9.1)."""
    keys = message.keys
    if DRMP not in keys:
        return DEFAULT
    start, end = avp.span(message.wire, message.heads[keys.index(DRMP)])
    value = int.from_bytes(message.wire[start:end])
    return value if end - start == 4 and value <= 15 else DEFAULT
