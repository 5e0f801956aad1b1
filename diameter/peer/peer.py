"""One remote Diameter identity: the state machine of RFC 6733 section 5.6, the watchdog of RFC 3539 and at most two links.

The glue (`node.py`) calls the inputs with `now`, carries out what `drain()` returns, in order, and calls `expire(now)` no later
than `deadline()`.  In OPEN, application messages bypass this class: the glue reads `open_link` and `usable`, and calls `heard(now)`
once per wake-up in which the peer's link delivered anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.peer import fsm, watchdog
from diameter.peer.inputs import DisconnectCause, LinkId, Output, Timers, Uniform

if TYPE_CHECKING:
    from diameter.message import Message
    from diameter.peer.base import BaseMessages
    from diameter.peer.capabilities import Capabilities
    from diameter.peer.connection import Connection


class Peer:
    """One remote identity.  host: its Origin-Host.  initiate: we connect (and reconnect) to it; else we only answer.

    base: builder of base messages, shared by the peers of a node.  uniform: source of jitter.

    Read-only for the glue: `host`, `state` (fsm.State), `watchdog_state`, `open_link` (LinkId while I-Open or R-Open, else None: where
    requests and answers are sent), `usable` (open, and the watchdog says OKAY: new requests may be sent), `live_link` (open or
    Closing: answers that arrive are still delivered), `ordered` (for `Send` of application messages), `capabilities` (of the
    open link, or of the last one), `last_rx`.
    """

    def __init__(self, host: str, base: BaseMessages, *, uniform: Uniform, timers: Timers = Timers(), initiate: bool = False) -> None:
        ...

    def start(self, now: float) -> None:
        """Want a connection: connect now if nothing is under way, and again after Tc whenever it is lost (Start of 5.6)."""

    def connected(self, connection: Connection, now: float) -> None:
        """The link asked for by `Connect` is up (I-Rcv-Conn-Ack)."""

    def connect_failed(self, now: float, reason: str) -> None:
        """The attempt asked for by `Connect` failed (I-Rcv-Conn-Nack)."""

    def accept(self, connection: Connection, cer: Message, now: float) -> None:
        """An inbound link brought a CER of this peer (R-Conn-CER); the CER is checked here, and refused with a CEA if need be."""

    def receive(self, link: LinkId, message: Message, now: float) -> None:
        """A message arrived: every CER/CEA, DWR/DWA and DPR/DPA, and any message while `open_link` is not `link`."""

    def heard(self, now: float) -> None:
        """Something arrived on the open link.  Cheap in OKAY: it stores `last_rx`; in SUSPECT it fails back."""

    def send(self, octets: bytes, now: float) -> None:
        """Send a message on the open link (Send-Message).  Raises NotOpen."""

    def link_lost(self, link: LinkId, now: float, reason: str = "") -> None:
        """The transport lost the link or the other side closed it (Peer-Disc); links already closed here are ignored."""

    def expire(self, now: float) -> None:
        """Act on every timer that is due."""

    def deadline(self) -> float | None:
        """When `expire` must be called next; None when nothing is awaited."""

    def stop(self, now: float, cause: DisconnectCause = DisconnectCause.REBOOTING) -> None:
        """Disconnect by DPR and stay disconnected until `start` or until the peer connects (Stop)."""

    def probe(self, now: float) -> None:
        """Send a DWR now if none is unanswered; `Probed` tells the time of its DWA."""

    def drain(self) -> list[Output]:
        """What is to be done, in order; empties the list."""
