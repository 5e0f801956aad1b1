"""Peers of a node that is several processes: what this worker's peer layer does differently from a node's alone.

It claims a host before it dials it and before it answers its CER, and releases the claim when nothing connects them any
more; it dials only what it was told to; peers that other workers have are rows of its table with a line to that worker.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import partial
from typing import Any, NamedTuple, Protocol

from diameter._node.core import Clock, Line
from diameter._node.crossing import Crossings, Port, leads
from diameter._node.dialling import Dialler, Dialling
from diameter._node.peering import Peering
from diameter._node.requests import Requests
from diameter.app import Neighbour
from diameter.config import PeerConfig
from diameter.errors import ResultCode
from diameter.message import Message
from diameter.peer.fsm import State
from diameter.peer.inputs import DisconnectCause
from diameter.peer.peer import Peer
from diameter.routing.entries import PeerEntry, Source
from diameter.routing.identifiers import ALL, HopByHop, Lane
from diameter.trace import Drop

ELSEWHERE = "another worker has it"
_DIALLING = frozenset({State.WAIT_CONN_ACK, State.WAIT_CONN_ACK_ELECT})
Told = Callable[[bool], None]


class FarPeer(NamedTuple):
    """A peer that another worker has; the fields of its row."""

    worker: int
    host: str
    realm: str
    state: str
    is_open: bool
    usable: bool
    applications: tuple[int, ...]
    transport: str
    secure: bool


class Member(Protocol):
    """This process as one of several.  `started_at`: when the node was, for all of them the same."""

    lane: Lane
    started_at: float

    def join(self, peering: Sharing, wake: Callable[[Callable[[], None]], None], /) -> None:
        """The node is made."""

    def dials(self, host: str, /) -> bool:
        """True when this worker connects to `host`; for peers found by DNS the realm is asked for."""

    def claim(self, host: str, dial: bool, replace: bool, /) -> None:
        """Ask for `host`; `Sharing.granted` follows."""

    def release(self, host: str, /) -> None:
        """Claim `host` no longer."""

    def tell(self, row: FarPeer, /) -> None:
        """Tell the other workers of a peer of ours."""

    def port(self, worker: int, /) -> Port | None:
        """The way to another worker, while there is one."""


class Asking(Dialler):
    """Attempts to connect, each after a claim."""

    def __init__(
        self,
        links: Dialling,
        wake: Callable[[Callable[[], None]], None],
        failed: Callable[[Peer, str], None],
        owned: Set[str],
        claim: Callable[..., None],
    ) -> None:
        super().__init__(links, wake, failed)
        self._owned = owned
        self._claim = claim
        self._asked: set[Peer] = set()

    def dial(self, peer: Peer, config: PeerConfig) -> None:
        """Try to connect, once the claim is granted."""
        if peer.host.lower() in self._owned:
            super().dial(peer, config)
        elif peer not in self._asked:
            self._asked.add(peer)
            self._claim(peer.host, partial(self._told, peer, config), dial=True, replace=False)

    def _told(self, peer: Peer, config: PeerConfig, granted: bool) -> None:
        self._asked.discard(peer)
        if peer.state not in _DIALLING or peer.host.lower() in self._attempts:
            return  # given up meanwhile
        if granted:
            super().dial(peer, config)
        else:
            self._failed(peer, ELSEWHERE)


class Sharing(Peering):
    """The peers of one worker."""

    def __init__(self, *parts: Any, member: Member) -> None:
        self._member = member
        self._owned: set[str] = set()
        self._waiting: dict[str, list[Told]] = {}
        self._asking: set[int] = set()
        self._told: dict[str, FarPeer] = {}
        self._rows: dict[str, FarPeer] = {}
        self._far: dict[str, Line] = {}
        self._leaving = False
        self.crossings: Crossings
        super().__init__(*parts)
        links, wake = parts[4], parts[1].wake
        self._dialler = Asking(links, wake, self._failed, self._owned, self._claim)

    def add(self, config: PeerConfig, source: Source = Source.CONFIGURED) -> Peer:
        """As ever, but only one worker dials; and another worker may have had that peer before we knew it."""
        key = config.host.lower()
        row, entry = self._rows.get(key), self._core.table.find(key)
        if row is not None and entry is not None:
            self._close(key, "its configuration is new")
            self._core.table.remove(entry)
        peer = super().add(config, source)
        peer.initiates(config.connect and (key in self.kept or self._member.dials(key)))
        if row is not None:
            self._show(key, row)
        return peer

    # ---- from the parent

    def dial(self, host: str) -> None:
        """This worker connects to `host` from now on, or to the peers that it finds in that realm."""
        key, now = host.lower(), self._core.now
        peer, config = self.peers.get(key), self.configs.get(key)
        if self._leaving:
            return
        if peer is not None and config is not None and config.connect:
            peer.initiates(True)
            if key not in self._rows and peer.state is State.CLOSED:
                peer.start(now)
                self.pump(peer)
        self.finding.start(lambda row: row.host.lower() == key)

    def granted(self, host: str, granted: bool) -> None:
        """What came of a claim."""
        key = host.lower()
        waiting = self._waiting.pop(key, None)
        if granted:
            self._owned.add(key)
        for told in waiting or ():
            told(granted)
        self._settle(key)

    def give_way(self, host: str) -> None:
        """Another worker is to have the connection of `host`."""
        peer = self.peers.get(host.lower())
        if peer is not None:
            peer.give_way(self._core.now, ELSEWHERE)
            self.pump(peer)
        self._settle(host.lower())

    def probe(self, host: str) -> None:
        """Somebody has connected and says that he is `host`: is the one we have still there?"""
        peer = self.peers.get(host.lower())
        if peer is not None:
            peer.probe(self._core.now)
            self.pump(peer)

    def take_row(self, row: FarPeer) -> None:
        """Another worker has this peer, or had it."""
        key = row.host.lower()
        if self._leaving or key in self._owned:
            return
        self._rows[key] = row
        peer = self.peers.get(key)
        if peer is not None and peer.state is State.CLOSED and peer.retry_at is not None:
            peer.give_way(self._core.now, ELSEWHERE)
            self.pump(peer)
        self._show(key, row)

    def gone(self, host: str, reason: str) -> None:
        """No other worker has this peer any more."""
        key = host.lower()
        if self._rows.pop(key, None) is None:
            return
        self._close(key, reason)
        entry, peer = self._core.table.find(key), self.peers.get(key)
        if entry is not None and peer is None:
            self._core.table.remove(entry)
        if peer is not None:
            self._mark(peer)
            if not self._leaving:
                peer.await_return(self._core.now)
                self.pump(peer)

    def port_up(self, worker: int) -> None:
        """There is a way to another worker (again)."""
        for key, row in self._rows.items():
            if row.worker == worker:
                self._show(key, row)

    def port_lost(self, port: Port) -> None:
        """There is no way to another worker; what it has cannot be reached."""
        self.crossings.lost(port)
        for key, line in list(self._far.items()):
            if leads(line, port):
                self._close(key, "the way to the worker that has it is lost")

    def release(self, port: Port) -> None:
        """Another worker keeps up again: send what was held back for its peers."""
        for line in self._far.values():
            if line.held and line.link.congested is False and leads(line, port):
                self._above.opened(line)

    # ---- as the peers of a node alone, with a question before

    def start(self) -> None:
        """Nothing: `dial` says when, and what."""

    def stop(self, cause: DisconnectCause) -> None:
        """DPR to every peer of ours; those of others are theirs."""
        self._leave()
        super().stop(cause)

    def close_all(self) -> None:
        """Abort what is still there."""
        self._leave()
        super().close_all()

    def pump(self, peer: Peer) -> None:
        """As ever; then the other workers hear what has become of the peer, and a claim is released."""
        outer = peer not in self._pumping
        super().pump(peer)
        key = peer.host.lower()
        if outer and key in self._owned:
            self._tell(key, peer)
            self._settle(key)

    def _admit(self, line: Line, config: PeerConfig, host: str, cer: Message) -> None:
        key = host.lower()
        if key in self._owned:
            super()._admit(line, config, host, cer)
        elif line.link.id in self._asking:
            self._core.drop(line, cer, Drop.BASE, "its CER waits to be answered")
        else:
            self._asking.add(line.link.id)
            replace = config.second_connection == "replace"
            self._claim(host, partial(self._admitted, line, host, cer), dial=False, replace=replace)

    def _admitted(self, line: Line, host: str, cer: Message, granted: bool) -> None:
        self._asking.discard(line.link.id)
        if line.gone or not self._incoming.waiting(line.link.id):
            return
        config = self.configs.get(host.lower())
        if granted:
            self._introduce(line, host, cer)
        else:
            shown = host if config is None else config.host
            reason = f"{shown} is open on another connection"
            self._incoming.refuse(line.link.id, cer, ResultCode.ELECTION_LOST, reason)
        self._pump_incoming()

    def _mark(self, peer: Peer) -> None:
        """The row of a peer that another worker has is that worker's to write."""
        if peer.host.lower() not in self._rows:
            super()._mark(peer)

    # ---- claims

    def _claim(self, host: str, told: Told, *, dial: bool, replace: bool) -> None:
        waiting = self._waiting.setdefault(host.lower(), [])
        waiting.append(told)
        if len(waiting) == 1 or replace:
            self._member.claim(host, dial, replace)

    def _settle(self, key: str) -> None:
        """Release a claim that nothing needs any more."""
        peer = self.peers.get(key)
        if key in self._owned and (peer is None or peer.state is State.CLOSED) and key not in self._waiting:
            self._owned.discard(key)
            self._told.pop(key, None)
            self._member.release(key)

    def _tell(self, key: str, peer: Peer) -> None:
        entry, line = self._core.table.find(key), self._core.lines.get(peer.open_link or 0)
        if entry is None or (line is None and key not in self._told):
            return
        row = FarPeer(
            worker=-1, host=peer.host, realm=entry.realm, state=entry.state, is_open=line is not None,
            usable=entry.usable, applications=tuple(sorted(entry.applications)),
            transport="" if line is None else line.link.transport, secure=line is not None and line.link.secure,
        )  # fmt: skip
        if self._told.get(key) != row:
            self._told[key] = row
            self._member.tell(row)

    # ---- peers of others

    def _show(self, key: str, row: FarPeer) -> None:
        """Put a peer of another worker into the table, with a line that leads there."""
        core, port = self._core, self._member.port(row.worker)
        entry = core.table.find(key)
        if entry is None:
            entry = PeerEntry(row.host, row.realm, source=Source.ACCEPTED)
            core.table.add(entry)
        line = self._far.get(key)
        if line is not None and (port is None or not row.is_open or not leads(line, port)):
            self._close(key, row.state)
            line = None
        if line is None and row.is_open and port is not None:
            line = self._far[key] = self._reach(row, port, entry)
        entry.realm, entry.applications, entry.trouble = row.realm, frozenset(row.applications), ""
        usable, before = row.usable and line is not None, entry.usable
        entry.state, entry.usable = row.state, usable
        entry.link = 0 if line is None else line.link.id
        core.table.changed()
        if line is not None and usable and not before:
            self._above.opened(line)
        elif line is not None and before and not usable:
            self._above.suspect(line)

    def _reach(self, row: FarPeer, port: Port, entry: PeerEntry) -> Line:
        neighbour = Neighbour(
            host=row.host, realm=row.realm, transport=row.transport, secure=row.secure,
            applications=frozenset(row.applications),
        )  # fmt: skip
        line = self.crossings.line(port, neighbour)
        line.entry, line.config = entry, self.configs.get(row.host.lower())
        self._core.lines[line.link.id] = line
        return line

    def _close(self, key: str, reason: str) -> None:
        """There is no line to that peer any more: its requests go elsewhere."""
        line = self._far.pop(key, None)
        if line is None:
            return
        line.is_open, line.gone = False, True
        line.link.close()
        del self._core.lines[line.link.id]
        entry = self._core.table.find(key)
        if entry is not None:
            entry.usable, entry.link, entry.state = False, 0, State.CLOSED.value
            self._core.table.changed()
        self._above.lost(line, reason)

    def _leave(self) -> None:
        self._leaving = True
        for key in list(self._far):
            self._close(key, "this worker stops")


def join_peers(
    parts: tuple[Any, ...],
    member: Member | None,
    requests: Requests,
    identify: Callable[[], HopByHop],
    wake: Callable[[Callable[[], None]], None],
) -> Peering:
    """The peer layer, of a node alone or joined to other workers; `parts`: what a `Peering` is made of."""
    if member is None:
        return Peering(*parts)
    peering = Sharing(*parts, member=member)
    peering.crossings = Crossings(parts[0], requests, identify)
    member.join(peering, wake)
    return peering


def lane_of(member: Member | None) -> Lane:
    """Which identifiers are this process's."""
    return ALL if member is None else member.lane


def since(member: Member | None, clock: Clock) -> float:
    """When the node was started, which its Origin-State-Id says."""
    return clock.seconds() if member is None else member.started_at
