"""Inbound links before their peer is known, RFC 6733 section 5.6.1: the logic that stands apart from the state machine.

Who connects is known only when the CER has come.  Until then a link waits here: at most `limit` of them at a time, each for
`cer_timeout_s`; any message but a CER closes it.  The glue then finds the peer by Origin-Host and either hands link and CER to
`Peer.accept`, or refuses them here (3010 for a peer nobody configured, 5017 for a link without the security it must have).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.errors import ResultCode
from diameter.peer.inputs import LinkId, Output, Timers

if TYPE_CHECKING:
    from diameter.message import Message
    from diameter.peer.base import BaseMessages
    from diameter.peer.connection import Connection


class Incoming:
    """The waiting room of a node.  `drain()` returns Write, Close and Refused in the order to carry them out."""

    def __init__(self, base: BaseMessages, timers: Timers, *, limit: int = 256) -> None: ...

    def admit(self, connection: Connection, now: float) -> None:
        """An inbound link is up.  Over the limit it is closed at once."""

    def first(self, link: LinkId, message: Message, now: float) -> str | None:
        """The first message of a waiting link: Origin-Host of a usable CER, else None, and the link is being closed."""

    def release(self, link: LinkId) -> Connection:
        """The peer is found: hand out the connection for `Peer.accept`."""

    def refuse(self, link: LinkId, cer: Message, code: ResultCode, reason: str) -> None:
        """Answer the CER with `code` and close; reason goes into Error-Message."""

    def lost(self, link: LinkId) -> None:
        """The transport lost the link; unknown links are ignored."""

    def waiting(self, link: LinkId) -> bool:
        """True while the link waits for its CER."""

    def expire(self, now: float) -> None:
        """Close links whose CER is overdue."""

    def deadline(self) -> float | None:
        """When the next CER is overdue."""

    def drain(self) -> list[Output]:
        """What is to be done, in order; empties the list."""
