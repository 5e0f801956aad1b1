"""Links and peers joined: what the transport tells goes into the peer layer, what that asks for is carried out.

Who connects to us is known by its CER only (RFC 6733 section 5.6.1).  Between handshake and table of peers stand the
checks of `admission`: may this certificate claim that Origin-Host, and is the link protected as its place demands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Set
from random import Random

from diameter._node import admission
from diameter._node.alarms import Alarms
from diameter._node.core import Core, Line
from diameter._node.dialling import Dialler, Dialling
from diameter._node.finding import Finding
from diameter._node.lines import Above, Lines
from diameter._node.manners import habits_of, timers_for
from diameter._node.setup import addresses_of
from diameter.app import Neighbour
from diameter.config import PeerConfig
from diameter.errors import ResultCode
from diameter.message import Message
from diameter.peer import inputs
from diameter.peer.base import BaseMessages
from diameter.peer.connection import Connection
from diameter.peer.incoming import Incoming
from diameter.peer.inputs import DisconnectCause, Timers
from diameter.peer.peer import Peer
from diameter.routing.entries import PeerEntry, Source
from diameter.security.identity import Complaint, may_claim
from diameter.trace import Drop, Point
from diameter.transport.link import Link


class Peering:
    """Every peer of one node, every link, and their timers."""

    def __init__(
        self,
        core: Core,
        above: Above,
        base: BaseMessages,
        timers: Timers,
        links: Dialling,
        jitter: Random,
    ) -> None:
        self._core = core
        self._above = above
        self._base = base
        self._timers = timers
        self._uniform = jitter.uniform
        self._incoming = Incoming(base, timers, limit=core.config.limits.handshakes)
        self.peers: dict[str, Peer] = {}
        self.configs: dict[str, PeerConfig] = {}
        self._dialler = Dialler(links, above.wake, self._failed)
        self._lines_of: dict[Peer, set[Line]] = {}
        self._alarms = Alarms(core, above.wake, self._expire)
        self._pumping: set[Peer] = set()
        self._lines = Lines(core, above, self._closed)
        self.kept: set[str] = set()
        """Peers without configuration that stay while their link is down: discovery wants them."""
        self.forgotten: list[Callable[[str], None]] = []
        """Told of each peer that is no longer in the tables."""
        self.finding = Finding(core, self, links, above.wake)
        for config in core.config.peer:
            if not config.discover:
                self.add(config)

    def add(self, config: PeerConfig, source: Source = Source.CONFIGURED) -> Peer:
        """A new peer in the tables; it is not started yet."""
        key = config.host.lower()
        peer = Peer(
            config.host, self._base, uniform=self._uniform, timers=timers_for(config, self._timers),
            habits=habits_of(config, self._core.dictionary), initiate=config.connect,
        )  # fmt: skip
        self._core.table.add(PeerEntry(config.host, config.realm, source=source, weight=config.weight))
        self.peers[key] = peer
        self.configs[key] = config
        return peer

    def retime(self, timers: Timers, handshakes: int) -> None:
        """Use these waiting times from the next that begins, and this bound of links whose peer is unknown."""
        self._timers = timers
        self._incoming.bound(timers, handshakes)
        for key, peer in self.peers.items():
            peer.retime(timers_for(self.configs[key], timers) if key in self.configs else timers)

    # ---- from the operator

    def start(self) -> None:
        """Begin to connect to every peer configured so."""
        for peer in list(self.peers.values()):
            peer.start(self._core.now)
            self.pump(peer)
        self.finding.start()

    def stop(self, cause: DisconnectCause) -> None:
        """DPR to every open peer; no connection is attempted any more."""
        self.finding.stop()
        for peer in list(self.peers.values()):
            peer.stop(self._core.now, cause)
            self.pump(peer)

    def close_all(self) -> None:
        """Abort what is still there and forget every timer."""
        self.finding.stop()
        for line in list(self._core.lines.values()):
            line.link.abort("the node has stopped")
        self._dialler.cancel_all()
        self._alarms.clear()

    # ---- from the transport

    def link_up(self, link: Link) -> None:
        """A link is up: one we dialled, or somebody's."""
        core = self._core
        connection = Connection(
            link.id,
            initiator=bool(link.dialled),
            addresses=addresses_of(link),
            secure=link.secure,
            message_oriented=link.message_oriented,
            limit=core.config.limits.message_limit,
        )
        line = Line(link, connection)
        core.lines[link.id] = line
        core.say_link(Point.LINK_UP, link)
        if not link.dialled:
            core.stats.connections_in += 1
            self._incoming.admit(connection, core.now)
            self._pump_incoming()
            return
        core.stats.connections_out += 1
        peer = self.peers.get(link.dialled.lower())
        if peer is None:
            link.abort("nobody asked for this link")
            return
        config = self.configs[peer.host.lower()]
        self.join(line, peer, config)
        complaint = may_claim(config, peer.host, None, link.security, core.config)
        if complaint is not None:
            self._lines.refused(line, complaint.text, complaint.code)
            peer.connect_failed(core.now, complaint.text)
            link.abort(complaint.text)
        else:
            peer.connected(connection, core.now)
        self.pump(peer)

    def link_lost(self, link: Link, reason: str) -> None:
        """A link is gone."""
        core = self._core
        line = core.lines.pop(link.id, None)
        if line is None:
            return
        line.gone = True
        if line.peer is not None:
            self._lines_of.get(line.peer, set()).discard(line)
        core.say_link(Point.LINK_LOST, link, reason=reason or "closed")
        if line.peer is None:
            self._incoming.lost(link.id)
            self._pump_incoming()
        else:
            line.peer.link_lost(link.id, core.now, reason)
            self.pump(line.peer)
        self._lines.close(line, reason or "closed by the other side")

    # ---- from the wire

    def heard(self, line: Line) -> None:
        """Something arrived on an open line: once a wake-up."""
        peer, entry = line.peer, line.entry
        assert peer is not None
        assert entry is not None
        peer.heard(self._core.now)
        if not entry.usable:  # SUSPECT or REOPEN: this may have ended it
            self.pump(peer)

    def receive(self, line: Line, message: Message) -> None:
        """A base message, or any message while the line is not open."""
        core = self._core
        if line.peer is not None:
            if line.link.dialled and not line.is_open and (complaint := admission.of_cea(core, line, message)):
                self._lines.refused(line, complaint.text, complaint.code)
                line.link.abort(complaint.text)
                return
            line.peer.receive(line.link.id, message, core.now)
            self.pump(line.peer)
        elif self._incoming.waiting(line.link.id):
            host = self._incoming.first(line.link.id, message)
            if host is not None:
                self._introduce(line, host, message)
            self._pump_incoming()
        else:
            core.drop(line, message, Drop.NOT_OPEN)

    def unframed(self, line: Line) -> None:
        """The position in the stream is lost: answer what can be answered, close (5011, 5015)."""
        connection = line.connection
        assert connection.fault is not None
        self._lines.unframed(line, connection.fault, self._base.unframed(connection.rest, connection.fault))

    def _introduce(self, line: Line, host: str, cer: Message) -> None:
        """The CER says who is there; find the peer, check that it is, hand the link over."""
        core, incoming, link = self._core, self._incoming, line.link
        key = host.lower()
        config = admission.of_cer(core, self.configs.get(key), host, cer, link)
        if isinstance(config, Complaint):
            incoming.refuse(link.id, cer, ResultCode(config.code), config.text)
            return
        self._admit(line, config, host, cer)

    def _admit(self, line: Line, config: PeerConfig, host: str, cer: Message) -> None:
        """Hand a link, and the CER that is in order, to the peer's state machine."""
        core, key = self._core, host.lower()
        peer = self.peers.get(key) or self.add(config, Source.ACCEPTED)
        connection = self._incoming.release(line.link.id)
        self.join(line, peer, config)
        peer.accept(connection, cer, core.now)
        self.pump(peer)

    def join(self, line: Line, peer: Peer, config: PeerConfig) -> None:
        """The line is the peer's, which is as `config` says."""
        line.peer = peer
        self._lines_of.setdefault(peer, set()).add(line)
        line.config = config
        line.own_answers = not config.answers_of_others
        line.entry = self._core.table.find(peer.host)
        line.given = line.got = None
        base = self._base
        if config.applications:
            dictionary = self._core.dictionary
            line.allowed = frozenset(dictionary.application(name).id for name in config.applications)
            base = base.narrowed(line.allowed)
        peer.says(base)

    def lines_of(self, peer: Peer) -> Set[Line]:
        """The links of a peer that are not gone."""
        return self._lines_of.get(peer, frozenset())

    # ---- what the peer layer asks for

    def pump(self, peer: Peer) -> None:
        """Carry out everything `peer` wants, keep its row in the tables, arm its timer."""
        if peer in self._pumping:  # called from within: the loop below takes it
            return
        self._pumping.add(peer)
        try:
            while outputs := peer.drain():
                self._mark(peer)
                for output in outputs:
                    self._carry_out(peer, output)
        finally:
            self._pumping.discard(peer)
        if self.peers.get(peer.host.lower()) is peer:  # else it was forgotten meanwhile
            self._mark(peer)
            self._alarms.set(peer, peer.deadline())

    def _mark(self, peer: Peer) -> None:
        """Keep the peer's row in step with its state."""
        entry = self._core.table.find(peer.host)
        if entry is None:
            return
        state = (
            peer.state.value
            if peer.usable or peer.open_link is None
            else f"{peer.state.value}, {peer.watchdog_state.value}"
        )
        link = peer.open_link or 0
        if (entry.state, entry.usable, entry.link) != (state, peer.usable, link):
            entry.state, entry.usable, entry.link = state, peer.usable, link
            self._core.table.changed()

    def _carry_out(self, peer: Peer, output: inputs.Output) -> None:
        match output:
            case inputs.Connect():
                self._core.say(Point.CONNECTING, peer=peer.host)
                self._dialler.dial(peer, self.configs[peer.host.lower()])
            case inputs.CancelConnect():
                self._dialler.cancel(peer)
            case inputs.Opened():
                self._opened(peer, output)
            case inputs.Okay():
                self._core.say(Point.PEER_OKAY, peer=peer.host)
                line = self._core.lines.get(output.link)
                if line is not None:
                    self._above.opened(line)
            case inputs.Suspect():
                self._core.say(Point.PEER_SUSPECT, peer=peer.host)
                line = self._core.lines.get(peer.open_link or 0)
                if line is not None:
                    self._above.suspect(line)
            case inputs.Failed():
                line = self._core.lines.get(output.link)
                if line is not None:
                    self._lines.close(line, output.reason)
            case inputs.Disconnecting():
                who = "it asked for it" if output.by_peer else "we asked for it"
                self._core.say(Point.PEER_LEAVING, peer=peer.host, reason=f"{who}, Disconnect-Cause {output.cause}")
            case inputs.Restarted():
                self._core.say(Point.PEER_RESTARTED, peer=peer.host, state=output.origin_state_id)
            case inputs.Unreachable():
                self._trouble(peer, output.reason)
                self._core.say(Point.CONNECTING_FAILED, peer=peer.host, reason=output.reason)
                self._lines.again(peer)
                self.forget(peer)
            case _:
                self._lines.carry_out(output)

    def _trouble(self, peer: Peer, reason: str) -> None:
        """Remember why a peer does not open, "" once it has."""
        entry = self._core.table.find(peer.host)
        if entry is not None:
            entry.trouble = reason

    def _pump_incoming(self) -> None:
        while outputs := self._incoming.drain():
            for output in outputs:
                self._lines.carry_out(output)
        self.arm(self._incoming, self._incoming.deadline(), self._expire_incoming)

    def _opened(self, peer: Peer, output: inputs.Opened) -> None:
        core = self._core
        line = core.lines.get(output.link)
        if line is None or line.entry is None:
            return
        said = output.capabilities
        link = line.link
        line.entry.realm, line.entry.trouble = said.origin_realm, ""
        line.entry.applications = said.application_ids
        line.neighbour = Neighbour(
            host=peer.host, realm=said.origin_realm, link=link.id, transport=link.transport,
            secure=link.secure, security=link.security, applications=said.application_ids, remote=str(link.remote),
        )  # fmt: skip
        line.is_open = True
        core.stats.peers_opened += 1
        core.table.changed()
        core.say_link(Point.PEER_OPEN, link, peer=peer.host)

    def _closed(self, line: Line) -> None:
        """Forget a peer that nobody configured once its last link is gone."""
        if line.peer is not None:
            self.forget(line.peer, line)

    def forget(self, peer: Peer, ended: Line | None = None) -> None:
        """Take a peer out of the tables, unless something still speaks for it: configuration, DNS, another link."""
        key, entry = peer.host.lower(), self._core.table.find(peer.host)
        if entry is None or entry.static or key in self.kept or peer.open_link is not None:
            return
        if self.peers.get(key) is peer and self.lines_of(peer) <= {ended}:
            del self.peers[key]
            self._lines_of.pop(peer, None)
            self.configs.pop(key, None)
            self._alarms.set(peer, None)
            self._core.table.remove(entry)
            for tell in self.forgotten:
                tell(key)

    def _failed(self, peer: Peer, reason: str) -> None:
        peer.connect_failed(self._core.now, reason)
        self.pump(peer)

    # ---- time

    def arm(self, key: Hashable, deadline: float | None, call: Callable[[], None]) -> None:
        """One time for each peer and one for the links without a peer; `heard` never moves it, it looks again then."""
        self._alarms.set(key, deadline, call)

    def _expire(self, peer: Hashable) -> None:
        assert isinstance(peer, Peer)
        peer.expire(self._core.now)
        self.pump(peer)

    def _expire_incoming(self) -> None:
        self._incoming.expire(self._core.now)
        self._pump_incoming()
