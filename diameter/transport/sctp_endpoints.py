"""From configuration to SCTP links: listeners and attempts to connect, whoever implements SCTP.

Every address of a peer belongs to one association, so all of them are tried in one attempt; names are looked up first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IResolutionReceiver
from zope.interface import implementer

from diameter.config import ASSOCIATIONS, LinkTable, ListenConfig, NodeTable, PeerConfig, SctpConfig
from diameter.errors import ConfigError
from diameter.security.link import CLEAR
from diameter.transport.association import Association
from diameter.transport.dtls import DtlsLink, ProtectedAssociation
from diameter.transport.dtls_endpoints import Handshakes, demanding
from diameter.transport.keys import TlsKeys
from diameter.transport.link import Address, ConnectFailed, Link, LinkOwner
from diameter.transport.sctp import SctpLink
from diameter.transport.sctp_choice import Carrier, Choice, Dialling, Listening, carrier_of, choose
from diameter.transport.sctp_kernel import words

BACKLOG: Final = 128


class SctpLinks:
    """The SCTP side of `diameter.transport.endpoints.Links`."""

    def __init__(self, reactor: Any, node: NodeTable, owner: LinkOwner, keys: TlsKeys | None = None) -> None:
        self.node = node
        self._reactor = reactor
        self._owner = owner
        self._handshakes = Handshakes(reactor, node, keys)
        self._carriers: dict[str, tuple[Choice, Carrier]] = {}

    def carrier(self, table: LinkTable) -> Carrier:
        """Who carries a link's associations.  Raises ConfigError that says what to do where nobody can."""
        found = self._carriers.get(table.sctp)
        if found is None:
            choice = choose(table.sctp)
            found = self._carriers[table.sctp] = choice, carrier_of(choice.kind, self._reactor)
        return found[1]

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
        made = _Accepting(self._reactor, self._owner, self.node, config, self._handshakes if protected else None)
        addresses = [Address(host, config.port_number) for host in (config.host, *config.association.local_addresses)]
        listening = self.carrier(config).listen(
            addresses,
            demanding(config.association) if protected else config.association,
            message_limit=self.node.limits.message_limit,
            backlog=BACKLOG,
            accepted=made.accepted,
            trouble=lambda remote, reason: self._owner.link_refused(config.transport, remote, reason),
        )
        return AssociationListener(config, listening, made)

    async def connect(self, peer: PeerConfig) -> Link:
        """Connect to a peer at all its addresses.  Raises ConnectFailed."""
        remote = await resolve(self._reactor, peer.dial, peer.port_number)
        hosts = [peer.bind] if peer.bind else []
        local = [Address(host, peer.association.local_port) for host in (*hosts, *peer.association.local_addresses)]
        protected = peer.transport == "dtls"
        config = demanding(peer.association) if protected else peer.association
        try:
            association = await connected(
                self._reactor, self.carrier(peer), remote, local, config,
                message_limit=self.node.limits.message_limit, timeout_s=self.node.connect_timeout_s,
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
        link = (DtlsLink if protected else SctpLink)(
            association, self._owner, self._reactor, config=self._config, send_limit=self.node.limits.send_limit,
            security=association.security if isinstance(association, ProtectedAssociation) else CLEAR,
            renew=self.made, gone=self._gone,
        )  # fmt: skip
        link.dialled = dialled
        self.live += 1
        link.made()
        return link

    def _gone(self) -> None:
        self.live -= 1


class _Accepting(_Making):
    """The links of one listener, which are not to be too many."""

    def __init__(
        self, reactor: Any, owner: LinkOwner, node: NodeTable, listener: ListenConfig, handshakes: Handshakes | None
    ) -> None:
        """`handshakes`: where the associations are protected."""
        super().__init__(reactor, owner, node, listener.association)
        self._handshakes = handshakes
        self._transport = listener.transport

    def accepted(self, association: Association) -> None:
        """A new association: a link, or a handshake that makes one, or neither when there are enough."""
        handshakes = self._handshakes
        limit = self.node.limits.connections
        reason = f"more than {limit} connections" if self.live >= limit else ""
        if not reason and handshakes is not None:
            reason = handshakes.too_many()
        if reason:
            association.abort()
            self._refused(association.remote_addresses[0], reason)
        elif handshakes is None:
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
) -> Deferred[Association]:
    """Fires with the association; fails with OSError or ConnectFailed.  Cancelling gives up."""
    attempt: list[Dialling] = []
    fires: Deferred[Association] = Deferred(lambda _: attempt[0].cancel())

    def done(outcome: Association | str) -> None:
        late.cancel()
        if isinstance(outcome, str):
            fires.errback(ConnectFailed(outcome))
        else:
            fires.callback(outcome)

    def too_late() -> None:
        attempt[0].cancel()
        fires.errback(ConnectFailed("no answer in time"))

    attempt.append(carrier.dial(remote, local, config, message_limit=message_limit, done=done))
    late = reactor.callLater(timeout_s, too_late)

    def settled(result: Any) -> Any:
        if late.active():
            late.cancel()
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
