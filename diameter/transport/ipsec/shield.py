"""IPsec of one node: its hooks, the protection of each link before it comes to be, and what was refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, Final, Literal

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.python.failure import Failure

from diameter.config import CLEAR, IpsecConfig, LinkTable, ListenConfig, NodeTable, PeerConfig
from diameter.errors import ConfigError
from diameter.security.policy import profile_of, profile_under_ipsec
from diameter.transport.ipsec import netlink, require
from diameter.transport.ipsec.cover import Cover
from diameter.transport.ipsec.hook import Flow, Hook, Protection, hook_named
from diameter.transport.ipsec.netlink import XfrmError
from diameter.transport.link import Address, ConnectFailed, LinkOwner

LOOK_S: Final = 1.0
"""Seconds between looks at what the kernel has refused."""
STOP_S: Final = 5.0
"""Seconds a hook may take to stop."""
NOBODY: Final = Address("", 0)


class NotProtected(ConnectFailed):
    """No protection, so no link: a refusal."""


class Shield:
    """Asks hooks for protection and puts the walls up; `statistics`: packets refused so far, by the kernel."""

    def __init__(
        self, reactor: Any, node: NodeTable, owner: LinkOwner, statistics: Callable[[], int] = require.statistics
    ) -> None:
        self.node = node
        self._reactor = reactor
        self._owner = owner
        self._statistics = statistics
        self._hooks: dict[str, Hook] = {}
        self._walls = require.Walls()
        self._doors = self._live = self._seen = 0
        self._stopping = self._ending = self._stopped = False
        self._waiting: list[Deferred[None]] = []
        self._look: Any = None

    # -- before anything starts

    def prove(self, node: NodeTable) -> None:
        """Can every link that wants IPsec have it here?  Raises ConfigError, a line for each that cannot."""
        prove(node, self.hook)

    def hook(self, options: IpsecConfig) -> Hook:
        """The hook of a link.  Raises ConfigError."""
        found = self._hooks.get(options.hook)
        if found is None:
            found = self._hooks[options.hook] = hook_named(options.hook)(self._reactor)
        return found

    # -- sockets

    def arm(self, flow: Flow) -> Callable[[Any], None]:
        """What demands IPsec on a socket; it raises OSError."""
        reqid = self.hook(flow.options).reqid
        return lambda sock: require.arm(sock, flow, reqid)

    # -- links

    def open(self, listener: ListenConfig, protocol: Literal["tcp", "sctp", "udp"], port: int) -> Door:
        """Be ready for a listener's peers, before it listens.  Raises ConfigError, OSError."""
        least = profile_under_ipsec(self.node.security, getattr(self.node, "peer", ()))
        flow = Flow(
            peer="", identity=listener.ipsec.identity or "", local_identity=self._own(listener.ipsec),
            local=(listener.host, *listener.association.local_addresses), remote=(), protocol=protocol,
            local_port=port, remote_port=0, dialled=False, options=listener.ipsec,
            rsa_bits=least.rsa_bits, ec_bits=least.ec_bits,
        )  # fmt: skip
        self._walls.put(_place(listener), flow)
        try:
            protection = self.hook(listener.ipsec).listen(flow)
        except ConfigError as error:
            raise ConfigError(*(f"ipsec: {line}" for line in error.lines)) from None
        self._doors += 1
        if self._look is None:
            self._seen = self._statistics()
            self._look = self._reactor.callLater(LOOK_S, self._count)
        return Door(self, flow, protection)

    def shut(self) -> None:
        """A listener is closed."""
        self._doors -= 1
        if not self._doors and self._look is not None:
            self._look.cancel()
            self._look = None

    def dial(
        self,
        peer: PeerConfig,
        local: tuple[str, ...],
        remote: tuple[str, ...],
        protocol: Literal["tcp", "sctp", "udp"],
        port: int,
    ) -> tuple[Flow, Deferred[Worn]]:
        """Bring protection up towards a peer; fires before a packet is sent to it, fails with ConnectFailed."""
        least = profile_of(peer, self.node.security)
        flow = Flow(
            peer=peer.host, identity=peer.ipsec.identity or peer.host, local_identity=self._own(peer.ipsec),
            local=local, remote=remote, protocol=protocol, local_port=0, remote_port=port, dialled=True,
            options=peer.ipsec, rsa_bits=least.rsa_bits, ec_bits=least.ec_bits,
        )  # fmt: skip
        return flow, self.protect(flow)

    def protect(self, flow: Flow) -> Deferred[Worn]:
        """Fires with the protection of a flow; fails with ConnectFailed.  Cancelling gives up."""
        worn: list[Worn] = []

        def settled(reason: str) -> None:
            if reason:
                worn[0].release()
                if not done.called:
                    done.errback(NotProtected(f"IPsec: {reason}"))
            else:
                done.callback(worn[0])

        done: Deferred[Worn] = Deferred(lambda _: worn[0].release())
        try:
            if flow.dialled:
                self._walls.put(flow.peer.lower(), flow)
            hook = self.hook(flow.options)
        except (ConfigError, OSError) as error:
            done.errback(NotProtected(f"IPsec: {error}"))
            return done
        options = flow.options
        cover = Cover(
            self._reactor, grace_s=options.sa_grace, establish_s=options.establish_s, settled=settled
        )  # fmt: skip
        self._live += 1
        worn.append(Worn(cover, self._gone))
        begun: list[Any] = []
        _ = maybeDeferred(hook.protect, flow, cover).addBoth(begun.append)  # what a hook of a package raises ends here
        if isinstance(begun[0], Failure):
            cover.failed(f"the hook {options.hook} raised {type(begun[0].value).__name__}")
        else:
            cover.begin(begun[0])
        return done

    def take(self, node: NodeTable) -> None:
        """Use another configuration for links to come."""
        self.node = node
        needed = {_place(one) for one in node.listen if one.security == "ipsec"}
        needed |= {peer.host.lower() for peer in getattr(node, "peer", ()) if peer.security == "ipsec"}
        with suppress(XfrmError):  # of what cannot be taken away, clear text stays refused
            self._walls.keep(needed)

    def stop(self) -> Deferred[None]:
        """The node has stopped; fires when the last of its links has ended and nothing of ours is left."""
        self._stopping = True
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        self._end()
        return waiting

    # -- inside

    def _gone(self) -> None:
        """A link has ended, or an attempt to protect one."""
        self._live -= 1
        self._end()

    def _end(self) -> None:
        if self._stopping and not self._live and not self._ending:
            self._ending = True
            hooks, self._hooks = self._hooks, {}
            stopping = [maybeDeferred(hook.stop).addTimeout(STOP_S, self._reactor) for hook in hooks.values()]
            _ = DeferredList(stopping, consumeErrors=True).addCallback(self._over)
        elif self._stopped:
            self._over(None)

    def _over(self, _: object) -> None:
        self._stopped = True
        with suppress(XfrmError):
            self._walls.keep(())
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _own(self, options: IpsecConfig) -> str:
        return options.local_identity or self.node.origin_host

    def _count(self) -> None:
        """Packets without IPsec that the kernel refused: for the audit."""
        self._look = self._reactor.callLater(LOOK_S, self._count)
        now = self._statistics()
        if now > self._seen:
            count, self._seen = now - self._seen, now
            self._owner.link_refused("ipsec", NOBODY, f"{count} packets without IPsec were refused by the kernel")


class Door:
    """A listener under IPsec."""

    def __init__(self, shield: Shield, flow: Flow, protection: Protection) -> None:
        self._shield = shield
        self._flow = flow
        self._protection = protection
        self.protocol = flow.protocol
        self.port = flow.local_port
        self.waiting = 0
        """Links whose protection is not verified yet."""

    @property
    def arm(self) -> Callable[[Any], None]:
        """For the listening socket, and for each that is accepted."""
        return self._shield.arm(self._flow)

    def admit(self, local: tuple[str, ...], remote: tuple[str, ...], port: int) -> Deferred[Worn]:
        """Verify the protection of a link that somebody made; fails with ConnectFailed."""
        own = self._flow
        flow = Flow(
            peer="", identity=own.identity, local_identity=own.local_identity, local=local, remote=remote,
            protocol=own.protocol, local_port=own.local_port, remote_port=port, dialled=False, options=own.options,
            rsa_bits=own.rsa_bits, ec_bits=own.ec_bits,
        )  # fmt: skip
        self.waiting += 1

        def verified(result: Any) -> Any:
            self.waiting -= 1
            return result

        return self._shield.protect(flow).addBoth(verified)

    def close(self) -> None:
        """The listener is closed."""
        self._protection.release()
        self._shield.shut()


class Worn:
    """A cover, and who counts those that are there."""

    def __init__(self, cover: Cover, gone: Callable[[], None]) -> None:
        self.cover = cover
        self._gone: Callable[[], None] | None = gone

    def release(self) -> None:
        """The link has ended; take its protection down."""
        self.cover.release()
        gone, self._gone = self._gone, None
        if gone is not None:
            gone()


def prove(node: NodeTable, hook: Callable[[IpsecConfig], Hook] = lambda one: hook_named(one.hook)(None)) -> None:
    """Can every link that wants IPsec have it on this machine?  Raises ConfigError, a line for each that cannot."""
    wrong: list[str] = []
    for place, table in wanting(node):
        options = table.ipsec
        try:
            hook(options).check(options)
            lack = netlink.lacking() if options.device is None else ""
            if lack:
                raise ConfigError(f"nothing can be demanded of the kernel: {lack}")
        except ConfigError as error:
            wrong += [f"{place}.ipsec: {line}" for line in error.lines]
    if wrong:
        raise ConfigError(*wrong)


def wanting(node: NodeTable) -> Iterator[tuple[str, LinkTable]]:
    """(place, table) of each listener, and of each peer that we dial, with IPsec."""
    for at, listener in enumerate(node.listen):
        if listener.security == "ipsec":
            yield f"node.listen.{at}", listener
    for at, peer in enumerate(getattr(node, "peer", ())):
        if peer.security == "ipsec" and (peer.connect or peer.discover):
            yield f"peer.{at}", peer


def warnings(node: NodeTable) -> tuple[str, ...]:
    """What works, but hardly is what somebody wants."""
    return tuple(
        f'{place}: transport = "{table.transport}" under security = "ipsec" protects everything twice'
        for place, table in wanting(node)
        if table.transport not in CLEAR
    )


def _place(listener: ListenConfig) -> str:
    return f"{listener.transport} {listener.host} {listener.port_number}"


def plain(address: str) -> str:
    """An address as IPsec knows it: without zone; IPv4 that came through a socket of IPv6 is IPv4."""
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped or found)
