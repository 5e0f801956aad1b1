"""Inbound links before their peer is known, RFC 6733 section 5.6.1: the logic that stands apart from the state machine.

Who connects is known only when the CER has come.  Until then a link waits here: at most `limit` of them at a time,
each for `cer_timeout_s`; any message but a CER closes it.  The glue then finds the peer by Origin-Host and either
hands link and CER to `Peer.accept`, or refuses them here (3010 for a peer nobody configured, 5017 for a link without
the security it must have).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.peer.capabilities import CAPABILITIES_EXCHANGE, Refusal, refusing
from diameter.peer.inputs import Close, Dropped, LinkId, Output, Timers

if TYPE_CHECKING:
    from diameter.errors import ResultCode
    from diameter.message import Message
    from diameter.peer.base import BaseMessages
    from diameter.peer.connection import Connection


class Incoming:
    """The waiting room of a node.  `drain()` returns Write, Close, Refused and Dropped in the order to carry them
    out.
    """

    __slots__ = ("_base", "_cer_timeout_s", "_limit", "_out", "_waiting")

    def __init__(self, base: BaseMessages, timers: Timers, *, limit: int = 256) -> None:
        self._base = base
        self._cer_timeout_s = timers.cer_timeout_s
        self._limit = limit
        self._waiting: dict[LinkId, tuple[Connection, float]] = {}
        self._out: list[Output] = []

    def bound(self, timers: Timers, limit: int) -> None:
        """Use these from the next link on."""
        self._cer_timeout_s = timers.cer_timeout_s
        self._limit = limit

    def admit(self, connection: Connection, now: float) -> None:
        """An inbound link is up.  Over the limit it is closed at once."""
        if len(self._waiting) >= self._limit:
            self._out.append(
                Close(link=connection.link, reason=f"{self._limit} links wait for their CER already", abort=True)
            )
        else:
            self._waiting[connection.link] = (connection, now + self._cer_timeout_s)

    def first(self, link: LinkId, message: Message) -> str | None:
        """The first message of a waiting link: Origin-Host of a usable CER, else None, and the link is being closed."""
        connection, _ = self._waiting[link]
        if message.command_code != CAPABILITIES_EXCHANGE or message.application_id != 0 or not message.request:
            reason = f"{message.command} where the CER was awaited"
            self._out.append(Dropped(link=link, reason=reason, message=message))
            self._close(link, reason)
            return None
        refusal = refusing(message)
        if refusal is not None:
            self._refuse(connection, message, refusal)
            return None
        return message.text("Origin-Host")

    def release(self, link: LinkId) -> Connection:
        """The peer is found: hand out the connection for `Peer.accept`."""
        return self._waiting.pop(link)[0]

    def refuse(self, link: LinkId, cer: Message, code: ResultCode, reason: str) -> None:
        """Answer the CER with `code` and close; reason goes into Error-Message."""
        self._refuse(self._waiting[link][0], cer, Refusal(code, reason))

    def lost(self, link: LinkId) -> None:
        """The transport lost the link; unknown links are ignored."""
        self._waiting.pop(link, None)

    def waiting(self, link: LinkId) -> bool:
        """True while the link waits for its CER."""
        return link in self._waiting

    def expire(self, now: float) -> None:
        """Close links whose CER is overdue."""
        for link in [link for link, (_, due) in self._waiting.items() if due <= now]:
            self._close(link, "no CER came")

    def deadline(self) -> float | None:
        """When the next CER is overdue; links are admitted in order of time, so it is that of the oldest."""
        return next((due for _, due in self._waiting.values()), None)

    def drain(self) -> list[Output]:
        """What is to be done, in order; empties the list."""
        out, self._out = self._out, []
        return out

    def _refuse(self, connection: Connection, cer: Message, refusal: Refusal) -> None:
        del self._waiting[connection.link]
        self._out += self._base.refuse(connection, cer, refusal)

    def _close(self, link: LinkId, reason: str) -> None:
        del self._waiting[link]
        self._out.append(Close(link=link, reason=reason))
