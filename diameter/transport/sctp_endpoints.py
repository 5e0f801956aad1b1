"""From configuration to SCTP links: listeners and attempts to connect, whoever implements SCTP.

Every address of a peer belongs to one association, so all of them are tried in one attempt; names are looked up first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, Literal

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IResolutionReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from diameter.config import ASSOCIATIONS, LinkTable, ListenConfig, NodeTable, PeerConfig, SctpConfig
from diameter.errors import ConfigError
from diameter.security.link import CLEAR
from diameter.transport.association import Association
from diameter.transport.dtls import DtlsLink, ProtectedAssociation
from diameter.transport.dtls_endpoints import Handshakes, demanding
from diameter.transport.ipsec.associations import CoveredAssociation
from diameter.transport.ipsec.hook import Flow
from diameter.transport.ipsec.shield import Door, NotProtected, Shield, Worn, plain
from diameter.transport.keys import TlsKeys
from diameter.transport.link import Address, ConnectFailed, Link, LinkOwner
from diameter.transport.sctp import SctpLink
from diameter.transport.sctp_choice import Carrier, Choice, Dialling, Listening, carrier_of, choose
from diameter.transport.sctp_kernel import Arm, words
from diameter.transport.usrsctp_wires import source

BACKLOG: Final = 128
SECURED: Final = (ProtectedAssociation, CoveredAssociation)
"""Associations that say who is at their other end."""


class SctpLinks:
    """The SCTP side of `diameter.transport.endpoints.Links`."""

    def __init__(
        self, reactor: Any, node: NodeTable, owner: LinkOwner, shield: Shield, keys: TlsKeys | None = None
    ) -> None:
        self.node = node
        self._shield = shield
        self._reactor = reactor
        self._owner = owner
        self._handshakes = Handshakes(reactor, node, keys)
        self._carriers: dict[str, tuple[Choice, Carrier]] = {}

    def carrier(self, table: LinkTable) -> Carrier:
        """Who carries a link's associations.  Raises ConfigError that says what to do where nobody can."""
        return self._carrier(table)[1]

    def _carrier(self, table: LinkTable) -> tuple[Choice, Carrier]:
        found = self._carriers.get(table.sctp)
        if found is None:
            choice = choose(table.sctp)
            found = self._carriers[table.sctp] = choice, carrier_of(choice.kind, self._reactor)
        return found

    def _below(self, table: LinkTable, udp_port: int) -> tuple[Literal["sctp", "udp"], int]:
        """Protocol and port that IPsec sees of a link's packets; of a raw socket the kernel knows no port (0)."""
        kind = self._carrier(table)[0].kind
        if kind == "usrsctp-udp":
            return "udp", udp_port
        return "sctp", table.port_number if kind == "kernel" else 0

    @property
    def chosen(self) -> tuple[str, ...]:
        """What was chosen so far and why, a line each."""
        return tuple(sorted({choice.why for choice, _ in self._carriers.values()}))

    def take(self, node: NodeTable, keys: TlsKeys | None) -> None:
        """Use another configuration for links to come."""
        self.node = node
        self._handshakes.take(node, keys)

    def prove(self, node: NodeTable) -> None:
        """Is there an SCTP for every peer that is to be dialled?  Raises ConfigError."""
        for at, peer in enumerate(getattr(node, "peer", ())):
            if peer.transport in ASSOCIATIONS and peer.connect:
                try:
                    self.carrier(peer)
                except ConfigError as error:
                    raise ConfigError(f"peer.{at}.sctp: {error}") from None

    def listener(self, config: ListenConfig, /) -> AssociationListener:
        """Open a listener.  Raises OSError and ConfigError."""
        protected = config.transport == "dtls"
        try:
            carrier = self.carrier(config)
        except ConfigError as error:
            raise ConfigError(*(f"sctp: {line}" for line in error.lines)) from None
        door = None
        if config.security == "ipsec":
            protocol, port = self._below(config, config.association.udp_port)
            door = self._shield.open(config, protocol, port)
        made = _Accepting(self._reactor, self._owner, self.node, config, self._handshakes if protected else None, door)
        addresses = [Address(host, config.port_number) for host in (config.host, *config.association.local_addresses)]
        try:
            listening = carrier.listen(
                addresses,
                demanding(config.association) if protected else config.association,
                message_limit=self.node.limits.message_limit,
                backlog=BACKLOG,
                accepted=made.accepted,
                trouble=lambda remote, reason: self._owner.link_refused(config.transport, remote, reason),
                arm=None if door is None else door.arm,
            )
        except OSError:
            if door is not None:
                door.close()
            raise
        return AssociationListener(config, listening, made, door)

    async def _cover(self, peer: PeerConfig, local: Sequence[Address], remote: Sequence[Address]) -> tuple[Flow, Worn]:
        """Bring protection up before the first packet.  Raises ConnectFailed, OSError."""
        protocol, port = self._below(peer, peer.association.remote_udp_port)
        there = tuple(plain(each.host) for each in remote)
        here = tuple(plain(each.host) for each in local) or tuple({source(host): None for host in there})
        flow, coming = self._shield.dial(peer, here, there, protocol, port)
        try:
            return flow, await coming
        except NotProtected as error:
            self._owner.link_refused(peer.transport, remote[0], str(error))
            raise

    async def connect(self, peer: PeerConfig) -> Link:
        """Connect to a peer at all its addresses.  Raises ConnectFailed."""
        remote = await resolve(self._reactor, peer.dial, peer.port_number)
        hosts = [peer.bind] if peer.bind else []
        local = [Address(host, peer.association.local_port) for host in (*hosts, *peer.association.local_addresses)]
        protected = peer.transport == "dtls"
        config = demanding(peer.association) if protected else peer.association
        try:
            flow, worn = None, None
            if peer.security == "ipsec":
                flow, worn = await self._cover(peer, local, remote)
                if not local:  # SCTP would offer every address of this machine, covered or not
                    local = [Address(host, peer.association.local_port) for host in flow.local]
            association: Association = await connected(
                self._reactor, self.carrier(peer), remote, local, config,
                message_limit=self.node.limits.message_limit, timeout_s=self.node.connect_timeout_s,
                arm=None if flow is None else self._shield.arm(flow), worn=worn,
            )  # fmt: skip
            if protected:
                association = await self._shaken(association, peer)
        except (OSError, ConfigError, ConnectFailed) as error:
            reason = words(error) if isinstance(error, OSError) else error
            raise ConnectFailed(f"{peer.transport} {ends(remote)}: {reason}") from None
        making = _Making(self._reactor, self._owner, self.node, peer.association)
        return making.made(association, dialled=peer.host)

    async def _shaken(self, association: Association, peer: PeerConfig) -> Association:
        """The association under DTLS.  Raises ConnectFailed for a peer that cannot be trusted."""
        remote = association.remote_addresses[0]
        try:
            return await self._handshakes.protect(association, demanding(peer.association), server=False)
        except ConnectFailed as error:
            self._owner.link_refused(peer.transport, remote, str(error))
            raise


class _Making:
    """Puts links on associations; one that the peer restarts gets another link, as if the peer had just connected."""

    def __init__(self, reactor: Any, owner: LinkOwner, node: NodeTable, config: SctpConfig) -> None:
        self._reactor = reactor
        self._owner = owner
        self.node = node
        self._config = config
        self.live = 0

    def made(self, association: Association, *, dialled: str = "") -> SctpLink:
        """A link, which the owner knows when this returns."""
        protected = isinstance(association, ProtectedAssociation)
        covered = association.below if isinstance(association, ProtectedAssociation) else association
        link = (DtlsLink if protected else SctpLink)(
            association, self._owner, self._reactor, config=self._config, send_limit=self.node.limits.send_limit,
            security=association.security if isinstance(association, SECURED) else CLEAR,
            renew=self.made, gone=self._gone,
        )  # fmt: skip
        link.dialled = dialled
        if isinstance(covered, CoveredAssociation):
            covered.note = lambda text: self._owner.link_note(link, text)
        self.live += 1
        link.made()
        return link

    def _gone(self) -> None:
        self.live -= 1


class _Accepting(_Making):
    """The links of one listener, which are not to be too many."""

    def __init__(
        self,
        reactor: Any,
        owner: LinkOwner,
        node: NodeTable,
        listener: ListenConfig,
        handshakes: Handshakes | None,
        door: Door | None,
    ) -> None:
        """`handshakes`: where the associations are protected; `door`: where IPsec is below them."""
        super().__init__(reactor, owner, node, listener.association)
        self._door = door
        self._handshakes = handshakes
        self._transport = listener.transport

    def accepted(self, association: Association) -> None:
        """A new association: a link, or a handshake that makes one, or neither when there are enough."""
        handshakes, door = self._handshakes, self._door
        limit = self.node.limits.connections
        reason = f"more than {limit} connections" if self.live >= limit else ""
        if not reason and handshakes is not None:
            reason = handshakes.too_many()
        if not reason and door is not None and 0 < self.node.limits.handshakes <= door.waiting:
            reason = f"more than {self.node.limits.handshakes} connections whose IPsec is not verified"
        if reason:
            association.abort()
            self._refused(association.remote_addresses[0], reason)
        elif door is None:
            self._proceed(association)
        else:
            self._verify(association, door)

    def _verify(self, association: Association, door: Door) -> None:
        """Is there IPsec below it?  It is read from only when there is."""
        remote = association.remote_addresses
        here, there = ({plain(each.host): None for each in many} for many in (association.local_addresses, remote))
        port = self._config.remote_udp_port if door.protocol == "udp" else remote[0].port if door.port else 0

        def verified(worn: Worn) -> None:
            self._proceed(CoveredAssociation(association, worn))

        def refused(failure: Failure) -> None:
            association.abort()
            self._refused(remote[0], failure.getErrorMessage())

        _ = door.admit(tuple(here), tuple(there), port).addCallbacks(verified, refused)

    def _proceed(self, association: Association) -> None:
        """Make a link, maybe after a handshake."""
        handshakes = self._handshakes
        if handshakes is None:
            self.made(association)
        else:
            remote = association.remote_addresses[0]
            secured = handshakes.protect(association, self._config, server=True)
            _ = secured.addCallbacks(self.made, lambda failure: self._refused(remote, failure.getErrorMessage()))

    def _refused(self, remote: Address, reason: str) -> None:
        self._owner.link_refused(self._transport, remote, reason)


@dataclass(slots=True)
class AssociationListener:
    """An open listener of SCTP, one of `diameter.transport.listening`."""

    config: ListenConfig
    listening: Listening
    accepting: _Accepting
    door: Door | None = None

    @property
    def address(self) -> Address:
        """The first of its addresses."""
        return self.listening.addresses[0]

    def bound(self, node: NodeTable, /) -> None:
        """Use these bounds for associations to come."""
        self.accepting.node = node

    def close(self) -> Deferred[None]:
        """Take no more associations."""
        self.listening.close()
        if self.door is not None:
            self.door.close()
        return succeed(None)


def connected(
    reactor: Any,
    carrier: Carrier,
    remote: Sequence[Address],
    local: Sequence[Address],
    config: SctpConfig,
    *,
    message_limit: int,
    timeout_s: float,
    arm: Arm | None = None,
    worn: Worn | None = None,
) -> Deferred[Association]:
    """Fires with the association; fails with OSError or ConnectFailed.  Cancelling gives up.

    `worn`: the protection below it, which ends with it, or when there will be none.
    """
    attempt: list[Dialling] = []
    fires: Deferred[Association] = Deferred(lambda _: attempt[0].cancel())

    def done(outcome: Association | str) -> None:
        late.cancel()
        if isinstance(outcome, str):
            fires.errback(ConnectFailed(outcome))
        else:
            fires.callback(outcome if worn is None else CoveredAssociation(outcome, worn))

    def too_late() -> None:
        attempt[0].cancel()
        fires.errback(ConnectFailed("no answer in time"))

    try:
        attempt.append(carrier.dial(remote, local, config, message_limit=message_limit, done=done, arm=arm))
    except OSError:
        if worn is not None:
            worn.release()
        raise
    late = reactor.callLater(timeout_s, too_late)

    def settled(result: Any) -> Any:
        if late.active():
            late.cancel()
        if worn is not None and not isinstance(result, Association):
            worn.release()
        return result

    return fires.addBoth(settled)


def ends(addresses: Sequence[Address]) -> str:
    """Several addresses of one end, for people."""
    return ", ".join(map(str, addresses))


def resolve(reactor: Any, names: Sequence[str], port: int) -> Deferred[list[Address]]:
    """Fires with the addresses of all names, each once, in order; fails with ConnectFailed when there are none."""
    return Deferred.fromCoroutine(_resolve(reactor, names, port))


async def _resolve(reactor: Any, names: Sequence[str], port: int) -> list[Address]:
    found: dict[Address, None] = {}
    for name in names:
        try:
            ip_address(name.partition("%")[0])
        except ValueError:
            receiver = _Resolved(port)
            reactor.nameResolver.resolveHostName(receiver, name, port, [IPv4Address, IPv6Address])
            found |= dict.fromkeys(await receiver.done)
        else:
            found[Address(name, port)] = None
    if not found:
        raise ConnectFailed(f"{', '.join(names)}: its name has no address")
    return list(found)


@implementer(IResolutionReceiver)
class _Resolved:
    """Collects the addresses of one name."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._found: list[Address] = []
        self.done: Deferred[list[Address]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: object) -> None:
        """Nothing is known yet."""

    def addressResolved(self, address: Any) -> None:
        """One address."""
        self._found.append(Address(address.host, self._port))

    def resolutionComplete(self) -> None:
        """That was all."""
        self.done.callback(self._found)
