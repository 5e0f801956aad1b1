"""No packet without IPsec: what makes the kernel refuse it, in and out, whoever makes the security associations.

Two walls.  On the socket, IP_XFRM_POLICY or IPV6_XFRM_POLICY demands ESP of what arrives, before the socket listens or
connects; of what leaves as well where the request number of the security associations is known.  In the policy
database of the system, a rule of the lowest priority blocks the flow in both directions: it is met only when no rule
that demands ESP is there, so nothing leaves in clear when a daemon takes its rules away.  The second is needed because
SCTP of the kernel looks up its routes without its socket, and because a socket of IPv6 ignores its policy for packets
of IPv4.

Where ESP is made in user space the kernel sees no IPsec at all: there sockets are bound to the tunnel device instead.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

from diameter.transport.ipsec.hook import Flow
from diameter.transport.ipsec.layouts import (
    PROTOCOLS,
    Action,
    Direction,
    Mode,
    Net,
    Policy,
    Selector,
    Template,
    family_of,
    host,
    socket_policy,
)
from diameter.transport.ipsec.netlink import Netlink, XfrmError

IP_XFRM_POLICY: Final = 17
IPV6_XFRM_POLICY: Final = 35
LAST: Final = 0x7FFF_FFFF
"""Priority of the rules that block: behind every rule of a daemon."""
OURS: Final = 3868
"""User number in the selector of such a rule.  The kernel compares it when it looks for an equal rule, so that ours
and one of a daemon for the same packets are two; packets it does not compare with it."""
STATISTICS: Final = Path("/proc/net/xfrm_stat")
REFUSALS: Final = frozenset({"XfrmInTmplMismatch", "XfrmInNoPols", "XfrmInPolBlock"})
EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})


class Walls:
    """The rules that block, by whoever needs them (a listener, a peer), until it is said who needs them still.

    They stay when a link ends: the system sends on for a while for a connection that its program has closed.
    """

    def __init__(self) -> None:
        self._needed: dict[str, frozenset[Policy]] = {}

    def put(self, who: str, flow: Flow) -> None:
        """Block what a flow has in clear.  Raises XfrmError."""
        rules = frozenset(blocking(flow))
        there = self._all()
        if rules - there:
            asking = Netlink()
            try:
                for rule in rules - there:
                    _add(asking, rule)
            finally:
                asking.close()
        self._needed[who] = self._needed.get(who, frozenset()) | rules

    def keep(self, needed: Container[str]) -> None:
        """Take away what nobody of `needed` has put.  Raises XfrmError."""
        before = self._all()
        self._needed = {who: rules for who, rules in self._needed.items() if who in needed}
        gone = before - self._all()
        if gone:
            asking = Netlink()
            try:
                for rule in gone:
                    _forget(asking, rule)
            finally:
                asking.close()

    def _all(self) -> frozenset[Policy]:
        return frozenset().union(*self._needed.values())


def arm(sock: socket.socket, flow: Flow, reqid: int = 0) -> None:
    """Demand IPsec on a socket that neither listens nor connects yet.  Raises OSError that says what is missing."""
    device = flow.options.device
    try:
        if device is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
            return
        six = sock.family == socket.AF_INET6
        level, option = (socket.IPPROTO_IPV6, IPV6_XFRM_POLICY) if six else (socket.IPPROTO_IP, IP_XFRM_POLICY)
        for policy in demanding(sock.family, flow, reqid):
            sock.setsockopt(level, option, socket_policy(policy))
    except OSError as error:
        what = f"binding to {device}" if device is not None else "demanding IPsec on a socket"
        raise XfrmError(error.errno or errno.EIO, what) from None


def demanding(family: int, flow: Flow, reqid: int) -> Iterator[Policy]:
    """The policies of a socket: nothing arrives without ESP; nothing leaves either, where the kernel can tell."""
    mode = Mode.TUNNEL if flow.options.mode == "tunnel" else Mode.TRANSPORT
    everything = Selector(source=Net("", 0), destination=Net("", 0), family=family)
    template = Template(mode=mode, family=family)
    yield Policy(selector=everything, direction=Direction.IN, templates=(template,))
    if reqid and mode is Mode.TRANSPORT:  # the other end of a tunnel would have to be known
        template = Template(mode=mode, reqid=reqid, family=family)
        yield Policy(selector=everything, direction=Direction.OUT, templates=(template,))


def packets(flow: Flow) -> Iterator[tuple[Direction, Selector]]:
    """What a flow has on the wire: (direction, packets) for each pair of addresses of one IP version."""
    for local in flow.local:
        for remote in flow.remote or _anybody(local):
            here, there = _net(local, remote), _net(remote, local)
            family = family_of(remote or local)
            if local not in EVERYWHERE and family_of(local) != family:
                continue
            protocol = PROTOCOLS[flow.protocol]
            yield Direction.OUT, Selector(
                source=here, destination=there, protocol=protocol, source_port=flow.local_port,
                destination_port=flow.remote_port, family=family,
            )  # fmt: skip
            yield Direction.IN, Selector(
                source=there, destination=here, protocol=protocol, source_port=flow.remote_port,
                destination_port=flow.local_port, family=family,
            )  # fmt: skip


def blocking(flow: Flow) -> Iterator[Policy]:
    """The rules that block a flow in clear; none where ESP is made in user space."""
    if flow.options.device is None:
        for direction, what in packets(flow):
            yield Policy(selector=what, direction=direction, action=Action.BLOCK, priority=LAST, user=OURS)


def refused_packets(text: str) -> int:
    """Packets that were refused because they came without IPsec, of the text of `STATISTICS`; of the whole system."""
    rows = (line.split() for line in text.splitlines())
    return sum(int(row[1]) for row in rows if len(row) == 2 and row[0] in REFUSALS)


def statistics() -> int:
    """The same, now; 0 where the kernel does not count."""
    try:
        return refused_packets(STATISTICS.read_text())
    except OSError:
        return 0


def _anybody(local: str) -> tuple[str, ...]:
    return ("0.0.0.0", "::") if local == "::" else ("::",) if ":" in local else ("0.0.0.0",)


def _net(address: str, other: str) -> Net:
    """One address, or all of an IP version."""
    if address in EVERYWHERE:
        return Net("", 0)
    return host(address.partition("%")[0]) if address else Net("", 0)


def _add(asking: Netlink, rule: Policy) -> None:
    """Another process may have put the same rule, or one of ours that ended without taking it away."""
    try:
        asking.add_policy(rule)
    except XfrmError as error:
        if error.errno != errno.EEXIST:
            raise


def _forget(asking: Netlink, rule: Policy) -> None:
    try:
        asking.delete_policy(rule)
    except XfrmError as error:
        if error.errno not in (errno.ENOENT, errno.ESRCH):
            raise
