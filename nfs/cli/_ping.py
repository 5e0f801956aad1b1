"""One link to a peer without a node around it: CER, watchdog requests with times, DPR (RFC 6733 sections 5.3 to 5.5).

A node would refuse a peer whose CEA is not what the configuration says; here the CEA is what one wants to see.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from diameter import Dictionary, Message, decode
from diameter._node.setup import addresses_of
from diameter.capture import CaptureWriter
from diameter.config import NodeConfig, PeerConfig
from diameter.errors import DiameterError
from diameter.peer.base import BaseMessages
from diameter.peer.capabilities import Advertised, LocalIdentity, read
from diameter.peer.connection import Connection
from diameter.peer.inputs import DisconnectCause
from diameter.routing.identifiers import EndToEnd, EndToEndSource, HopByHop, HopByHopSource
from diameter.transport.endpoints import Links
from diameter.transport.link import Address, Link

DEVICE_WATCHDOG = 280
DISCONNECT_PEER = 282
CLOSE_S = 1.0
"""How long the peer may take to close as well."""


class Silent(DiameterError):
    """No answer, or the link was lost: the text says which."""


@dataclass(slots=True)
class Report:
    """What was found.  Times in milliseconds; `watchdogs_ms` has None for a DWR without an answer.

    `trouble`: "" when all is well.
    """

    peer: str
    origin_host: str = ""
    origin_realm: str = ""
    product_name: str = ""
    result_code: int | None = None
    applications: list[str] = field(default_factory=list)
    security: str = ""
    connect_ms: float | None = None
    cea_ms: float | None = None
    watchdogs_ms: list[float | None] = field(default_factory=list)
    dpa_ms: float | None = None
    trouble: str = ""


class Exchange:
    """Owner of the one link: matches answers with requests, answers what the peer asks."""

    def __init__(
        self, reactor: Any, base: BaseMessages, dictionary: Dictionary, tap: CaptureWriter | None = None
    ) -> None:
        self._reactor = reactor
        self.tap = tap
        self._base = base
        self._dictionary = dictionary
        self._waiting: dict[int, Deferred[Message]] = {}
        self._connection: Connection | None = None
        self._gone: Deferred[None] | None = None
        self.link: Link | None = None
        self.tell: Callable[[str], None] = lambda text: None

    async def ask(self, request: tuple[bytes, int], timeout_s: float) -> tuple[Message, float]:
        """Send (octets, Hop-by-Hop Identifier); the answer and the milliseconds it took.  Raises Silent."""
        octets, hop = request
        if self.link is None:
            raise Silent("the link is gone")
        answer: Deferred[Message] = Deferred()
        self._waiting[hop] = answer
        started = self._reactor.seconds()
        self._write(self.link, octets)

        def too_late(_: object, waited_s: float) -> Message:
            raise Silent(f"no answer within {waited_s:g} s")

        _ = answer.addTimeout(timeout_s, self._reactor, onTimeoutCancel=too_late)
        try:
            return await answer, (self._reactor.seconds() - started) * 1000
        finally:
            self._waiting.pop(hop, None)

    def _write(self, link: Link, octets: bytes) -> None:
        if self.tap is not None:
            self.tap.message(self._reactor.seconds(), True, link, octets, link.dialled)
        link.write(octets)

    def _happened(self, link: Link, name: str, text: str) -> None:
        if self.tap is not None:
            self.tap.event(self._reactor.seconds(), link, name, text)

    async def close(self) -> None:
        """Close the link and wait, not for long, until what it says at the end (close_notify) is out."""
        link = self.link
        if link is None:
            return
        gone: Deferred[None] = Deferred()
        self._gone = gone
        link.close()
        _ = gone.addTimeout(CLOSE_S, self._reactor, onTimeoutCancel=lambda *_: link.abort("closed"))
        await gone

    # ---- diameter.transport.link.LinkOwner

    def link_up(self, link: Link) -> None:
        """The link is there."""
        self.link = link
        self._happened(link, "LINK_UP", f"link {link.id} {link.transport} {link.remote} is up")
        self._connection = Connection(link.id, initiator=True, secure=link.secure)

    def link_received(self, link: Link, data: bytes) -> None:
        """Answers go to whoever waits; requests of the base protocol are answered."""
        assert self._connection is not None
        for octets in self._connection.feed(data):
            if self.tap is not None:
                self.tap.message(self._reactor.seconds(), False, link, octets, link.dialled)
            message = decode(octets, self._dictionary)
            if message.request and message.command_code in (DEVICE_WATCHDOG, DISCONNECT_PEER):
                self._write(link, self._base.answer(message))
            elif not message.request and message.hop_by_hop in self._waiting:
                self._waiting.pop(message.hop_by_hop).callback(message)
        if self._connection.fault is not None:
            link.abort(str(self._connection.fault))

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None:
        """Whole messages, of an association."""
        for octets in messages:
            self.link_received(link, octets)

    def link_note(self, link: Link, text: str) -> None:
        """An association tells of its paths."""
        self.tell(text)

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None:
        """Nobody will answer these; that the link is lost follows."""

    def link_worn(self, link: Link) -> None:
        """Cannot happen so soon."""

    def link_lost(self, link: Link, reason: str) -> None:
        """Nobody will answer any more."""
        self.link = None
        self._happened(link, "LINK_LOST", f"link {link.id} {link.transport} {link.remote} is gone: {reason}")
        if self._gone is not None and not self._gone.called:
            self._gone.callback(None)
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.errback(Silent(f"the connection was lost: {reason or 'closed by the peer'}"))

    def link_congested(self, link: Link) -> None:
        """Cannot happen with one request at a time."""

    def link_drained(self, link: Link) -> None:
        """As above."""

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        """Nothing listens here."""


class Contact:
    """One link to one peer: dialled, capabilities exchanged, closed.

    `base`: makes CER, DWR and DPR.  `identifiers`: (Hop-by-Hop, End-to-End) for the next request.
    """

    def __init__(
        self,
        reactor: Any,
        config: NodeConfig,
        dictionary: Dictionary,
        applications: Sequence[Advertised],
        tap: CaptureWriter | None = None,
    ) -> None:
        random = SystemRandom()
        hops, ends = HopByHopSource(random.getrandbits(32)), EndToEndSource(random.getrandbits(32))
        local = LocalIdentity(
            origin_host=config.origin_host, origin_realm=config.origin_realm, applications=tuple(applications),
            product_name=config.product_name, vendor_id=config.vendor_id,
            supported_vendors=tuple(sorted({one.vendor for one in applications} - {0})),
        )  # fmt: skip
        self.identifiers: Callable[[], tuple[HopByHop, EndToEnd]] = lambda: (hops.next(), ends.next(reactor.seconds()))
        self.base = BaseMessages(local, dictionary, self.identifiers)
        self.exchange = Exchange(reactor, self.base, dictionary, tap)
        self._reactor = reactor
        self._dictionary = dictionary
        self._links = Links(reactor, config, self.exchange)

    async def open(self, peer: PeerConfig, report: Report, timeout_s: float, tell: Callable[[str], None]) -> None:
        """Dial, CER and CEA.  Raises DiameterError."""
        started = self._reactor.seconds()
        self.exchange.tell = tell
        link = await self._links.connect(peer)
        report.connect_ms = (self._reactor.seconds() - started) * 1000
        report.security = f"{link.security.version}, {link.security.cipher}" if link.secure else "clear"
        tell(f"connected to {link.remote} over {link.transport} ({report.security}) in {report.connect_ms:.1f} ms")
        await _capabilities(self.exchange, self.base, link, self._dictionary, report, timeout_s, tell)

    async def close(self) -> None:
        """Close the link and whatever else is open."""
        await self.exchange.close()
        await self._links.stop()
        await self._links.ended()
        if self.exchange.tap is not None:
            self.exchange.tap.close()


async def ping(
    reactor: Any,
    config: NodeConfig,
    peer: PeerConfig,
    dictionary: Dictionary,
    *,
    applications: Sequence[Advertised],
    count: int,
    interval_s: float,
    timeout_s: float,
    tell: Callable[[str], None],
    tap: CaptureWriter | None = None,
) -> Report:
    """Do it; `tell` hears of each step as it happens, `tap` writes down what is said, and is closed at the end.

    Never raises for what the peer does: `trouble` says it.
    """
    report = Report(peer=peer.host)
    contact = Contact(reactor, config, dictionary, applications, tap)
    exchange, base = contact.exchange, contact.base
    try:
        await contact.open(peer, report, timeout_s, tell)
        await _watchdogs(reactor, exchange, base, report, count, interval_s, timeout_s, tell)
        _, report.dpa_ms = await exchange.ask(base.dpr(DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU), timeout_s)
        tell(f"DPA: {report.dpa_ms:.1f} ms")
    except DiameterError as error:
        report.trouble = str(error)
    finally:
        await contact.close()
    return report


async def _capabilities(
    exchange: Exchange,
    base: BaseMessages,
    link: Link,
    dictionary: Dictionary,
    report: Report,
    timeout_s: float,
    tell: Callable[[str], None],
) -> None:
    """CER and CEA.  Raises Silent when there is no CEA, or one that refuses us or cannot be believed."""
    connection = Connection(link.id, initiator=True, addresses=addresses_of(link), secure=link.secure)
    cea, report.cea_ms = await exchange.ask(base.cer(connection), timeout_s)
    result = cea.result
    report.result_code = result[1] if result else None
    for fault in cea.faults:
        tell(f"CEA: {fault.text}" + ("" if fault.verdict == "refuse" else " (harmless)"))
    report.origin_host = str(cea.get("Origin-Host", ""))
    report.origin_realm = str(cea.get("Origin-Realm", ""))
    if report.result_code != 2001:
        said = cea.get("Error-Message")
        why = f": {said}" if said else ""
        raise Silent(f"{report.origin_host or report.peer} refuses us with {report.result_code}{why}")
    said_all = read(cea)
    report.product_name = said_all.product_name
    report.applications = sorted(
        dictionary.applications[one].name if one in dictionary.applications else str(one)
        for one in said_all.application_ids
    )
    tell(
        f"CEA from {report.origin_host} ({report.origin_realm}), {report.product_name}: {report.cea_ms:.1f} ms; "
        f"applications {', '.join(report.applications) or 'none'}"
    )
    if link.secure and report.origin_host.lower() not in link.peer_names:
        names = ", ".join(link.peer_names) or "none"
        raise Silent(f"the certificate does not carry {report.origin_host} (identities: {names})")


async def _watchdogs(
    reactor: Any,
    exchange: Exchange,
    base: BaseMessages,
    report: Report,
    count: int,
    interval_s: float,
    timeout_s: float,
    tell: Callable[[str], None],
) -> None:
    """`count` times DWR; one without an answer is no reason to stop while the link is there."""
    for number in range(1, count + 1):
        try:
            _, took_ms = await exchange.ask(base.dwr(), timeout_s)
        except Silent as error:
            report.watchdogs_ms.append(None)
            tell(f"DWA {number}: {error}")
            if exchange.link is None:
                raise
        else:
            report.watchdogs_ms.append(took_ms)
            tell(f"DWA {number}: {took_ms:.1f} ms")
        if number < count:
            await deferLater(reactor, interval_s)
