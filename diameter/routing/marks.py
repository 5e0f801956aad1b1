"""By which octets requests are recognised: origin and destination (the way), and one and the same request (the key).

Both need to know where the AVPs of section 6 stand.  Compiled, that is one walk (`routing._typed`).  For the
interpreter: nearly all requests of one command have their AVPs in one order, and where they stand in that order is
found once.  Comparing octets costs a third of reading the values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from diameter.message.message import Message
from diameter.wire.core import NAME

if TYPE_CHECKING or NAME == "pure":
    marks: Callable[[bytes, bool], tuple[bytes, bytes]] | None = None
else:
    from diameter.routing._ccore import marks

SESSION_ID: Final = 263
ORIGIN_HOST: Final = 264
WAY: Final = frozenset((ORIGIN_HOST, 296, 293, 283))
"""Origin-Host, Origin-Realm, Destination-Host, Destination-Realm."""
ROUTING: Final = WAY | {282}
"""And Route-Record."""
ORDERS: Final = 1024
"""Orders of AVPs remembered; peers write them."""


@lru_cache(ORDERS)
def _places(keys: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Where in this order of AVPs things stand: (Origin-Host or -1, end of what follows it of the way or 0,
    behind Origin-Host or -1 when it is the last, behind a Session-Id at the start or 0).
    """
    if ORIGIN_HOST not in keys:
        return -1, 0, 0, 0
    first = last = keys.index(ORIGIN_HOST)
    while last < len(keys) and keys[last] in WAY:
        last += 1
    if last == len(keys) or not ROUTING.isdisjoint(keys[:first]) or not ROUTING.isdisjoint(keys[last:]):
        last = 0
    return first, last, (first + 1 if first + 1 < len(keys) else -1), int(keys[0] == SESSION_ID)


def way_of(request: Message) -> bytes:
    """Application id, origin and destination of a message, as octets.

    Empty when they do not stand side by side, when the message has been routed, when it has no origin, or when
    something in it is no AVP.
    """
    if marks is not None:
        return marks(request.octets, True)[0]
    return marks_of(request)[0] if request.stop == request.end else b""


def marks_of(request: Message) -> tuple[bytes, bytes]:
    """The way, see `way_of`, and the key: what is the same in every copy of a request.

    The key is made of End-to-End Identifier, command, application, Origin-Host and, where it stands first, Session-Id;
    b"" when there is no Origin-Host.
    """
    if marks is not None:
        return marks(request.octets, False)
    first, last, behind, session = _places(tuple(request.keys))
    if first < 0:
        return b"", b""
    heads, wire = request.heads, request.wire
    end = heads[behind] if behind > 0 else request.stop
    way = wire[8:12] + wire[heads[first] : heads[last]] if last else b""
    return way, wire[16:20] + wire[5:12] + wire[heads[first] : end] + wire[heads[0] : heads[session]]
