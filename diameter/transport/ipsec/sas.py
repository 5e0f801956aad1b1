"""Is this traffic protected?  Read from what strongSwan says of its security associations (`list-sas`), and from
nothing else: what was configured or asked for proves nothing.

Every child SA that is installed and whose selectors take packets of the flow counts, whoever made it: packets may come
by any of them.  So each has to be of an IKE SA that is established with the expected identity, of the profile, in the
mode that is wanted; one that is not spoils the others.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from itertools import product
from typing import Final

from diameter.security.link import LinkSecurity, ProtectionFailed
from diameter.transport.ipsec.hook import Flow
from diameter.transport.ipsec.strength import Agreed, weakness
from diameter.transport.ipsec.vici_session import Tree

UP: Final = frozenset({"ESTABLISHED", "REKEYING"})
"""States of an IKE SA that has its child SAs; REKEYING it goes on until the new one is there."""
INSTALLED: Final = frozenset({"INSTALLED", "REKEYING"})
"""States of a child SA whose keys are used; REKEYING it goes on until the new one is installed."""
PROTOCOLS: Final = {"tcp": 6, "udp": 17, "sctp": 132}
SELECTOR: Final = re.compile(r"(?P<hosts>[0-9A-Fa-f:./]+)(?:\[(?P<protocol>[^/\]]*)(?:/(?P<ports>[^\]]*))?\])?")


class NothingThere(ProtectionFailed):
    """No child SA that is installed covers the flow: one can be brought up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """One traffic selector: addresses from `first` to `last`, protocol (0: any) and ports from `low` to `high`."""

    first: int
    last: int
    version: int
    protocol: int = 0
    low: int = 0
    high: int = 65535

    def covers(self, host: str, protocol: int, port: int) -> bool:
        """True when it takes every packet of this host; `port` 0 is any port."""
        address = ip_address(host.partition("%")[0])
        if address.version != self.version or not self.first <= int(address) <= self.last:
            return False
        if self.protocol not in (0, protocol):
            return False
        return self.low <= port <= self.high and (port > 0 or self.high == 65535)


def selector(words: str) -> Selector | None:
    """Read one as strongSwan writes it: `10.1.0.1/32[tcp/3868]`, `10.0.0.1..10.0.0.9`; None for what is not known."""
    found = SELECTOR.fullmatch(words)
    if found is None:
        return None
    begin, _, end = found["hosts"].partition("..")
    try:
        if end:
            first, last = ip_address(begin), ip_address(end)
        else:
            network = ip_network(begin)
            first, last = network[0], network[-1]
        protocol = _protocol(found["protocol"] or "")
        low, high = _ports(found["ports"] or "", protocol)
    except (ValueError, OSError):
        return None
    return Selector(first=int(first), last=int(last), version=first.version, protocol=protocol, low=low, high=high)


def _protocol(words: str) -> int:
    if not words:
        return 0
    return int(words) if words.isdigit() else socket.getprotobyname(words)


def _ports(words: str, protocol: int) -> tuple[int, int]:
    """Ports from one to another; a service may be written by its name."""
    if not words:
        return 0, 65535
    low, _, high = words.partition("-")
    if low.isdigit() and (not high or high.isdigit()):
        return int(low), int(high or low)
    port = socket.getservbyname(words, {17: "udp", 132: "sctp"}.get(protocol, "tcp"))
    return port, port


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child SA, and what its IKE SA says of the other end.  `serial`: changes when it is replaced."""

    connection: str
    ike_state: str
    ike_version: str
    identity: str
    ike: Agreed
    state: str
    protocol: str
    mode: str
    esp: Agreed
    local: tuple[Selector, ...]
    remote: tuple[Selector, ...]
    serial: str

    def covers(self, here: str, there: str, flow: Flow) -> bool:
        """True when packets of the flow between these addresses go by it, in both directions."""
        number = PROTOCOLS[flow.protocol]
        return any(one.covers(here, number, flow.local_port) for one in self.local) and any(
            one.covers(there, number, flow.remote_port) for one in self.remote
        )

    def complaint(self, flow: Flow, identity: str) -> str:
        """What keeps it from protecting the flow, with somebody who proved `identity`; "" when nothing does."""
        if self.ike_version != "2":
            return f"it is by IKEv{self.ike_version or '?'}, not IKEv2"
        if _plain(self.identity) != identity:
            return f"the other end is {self.identity or 'nobody'}, not {identity}"
        if self.protocol != "ESP":
            return f"it is {self.protocol or 'of no protocol'}, not ESP"
        if self.mode.lower() != flow.options.mode:
            return f"it is in {self.mode.lower() or 'no'} mode, not {flow.options.mode}"
        profile = flow.options.profile
        weak = weakness("IKE", self.ike, profile) or weakness("ESP", self.esp, profile)
        return f"weaker than the profile {profile}: {weak}" if weak else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What protects a flow.  `serials`: which child SAs, so that a replacement is seen."""

    security: LinkSecurity
    serials: frozenset[str]


def children(listed: Iterable[Tree]) -> list[Child]:
    """Read the events of `list-sas`."""
    return [
        _child(name, sa, child)
        for event in listed
        for name, sa in _sections(event)
        for key, all_of_it in _sections(sa)
        if key == "child-sas"
        for _, child in _sections(all_of_it)
    ]


def prove(found: Iterable[Child], flow: Flow) -> Proof:
    """Return what protects the flow.  Raises NothingThere when nothing does, ProtectionFailed when not as wanted."""
    known = list(found)
    live = [each for each in known if each.ike_state in UP and each.state in INSTALLED]
    used: dict[str, Child] = {}
    for pairs in _paths(flow):
        mine = [each for each in live if any(each.covers(here, there, flow) for here, there in pairs)]
        if not mine:
            raise NothingThere(_nothing(known, pairs, flow))
        used.update((each.serial, each) for each in mine)
    first = next(iter(used.values()))
    identity = _plain(flow.identity) or _plain(first.identity)
    for each in used.values():
        wrong = each.complaint(flow, identity)
        if wrong:
            raise ProtectionFailed(f"child SA of {each.connection}: {wrong}")
    security = LinkSecurity(
        mechanism="ipsec",
        version="IKEv2",
        cipher=str(first.esp),
        group=first.esp.group or first.ike.group,
        peer_names=(identity,),
    )
    return Proof(security=security, serials=frozenset(used))


def _paths(flow: Flow) -> Iterator[list[tuple[str, str]]]:
    """Pairs of addresses, one of which has to be covered: for each address, all that it may be used with."""
    pairs = [(here, there) for here, there in product(flow.local, flow.remote) if (":" in here) is (":" in there)]
    for here in flow.local:
        mine = [pair for pair in pairs if pair[0] == here]
        if mine:
            yield mine
    for there in flow.remote:
        yield [pair for pair in pairs if pair[1] == there]


def _nothing(known: list[Child], pairs: list[tuple[str, str]], flow: Flow) -> str:
    """Why nothing covers these pairs: a child SA that would, but is not installed, is named."""
    for each in known:
        if any(each.covers(here, there, flow) for here, there in pairs):
            state = each.state if each.ike_state in UP else f"of an IKE SA that is {each.ike_state or 'in no state'}"
            return f"the child SA of {each.connection} is {state or 'in no state'}"
    here, there = pairs[0] if pairs else ("no address", flow.remote[0])
    ports = f"{flow.protocol} from port {flow.local_port or 'any'} to {flow.remote_port or 'any'}"
    return f"no child SA covers {here} to {there}, {ports}"


def _sections(tree: Tree) -> Iterator[tuple[str, Tree]]:
    return ((name, value) for name, value in tree.items() if isinstance(value, Mapping))


def _child(name: str, sa: Tree, child: Tree) -> Child:
    return Child(
        connection=name,
        ike_state=_word(sa, "state"),
        ike_version=_word(sa, "version"),
        identity=_word(sa, "remote-id"),
        ike=_agreed(sa),
        state=_word(child, "state"),
        protocol=_word(child, "protocol"),
        mode=_word(child, "mode"),
        esp=_agreed(child),
        local=_selectors(child, "local-ts"),
        remote=_selectors(child, "remote-ts"),
        serial=f"{_word(child, 'spi-in')}/{_word(child, 'spi-out')}",
    )


def _agreed(sa: Tree) -> Agreed:
    bits = _word(sa, "encr-keysize")
    return Agreed(
        _word(sa, "encr-alg"),
        int(bits) if bits.isdigit() else 0,
        _word(sa, "integ-alg"),
        _word(sa, "prf-alg"),
        _word(sa, "dh-group"),
    )


def _selectors(child: Tree, key: str) -> tuple[Selector, ...]:
    words = child.get(key)
    found = (selector(each) for each in words) if isinstance(words, list) else ()
    return tuple(one for one in found if one is not None)


def _plain(identity: str) -> str:
    return identity.rstrip(".").lower()


def _word(tree: Tree, key: str) -> str:
    value = tree.get(key, "")
    return value if isinstance(value, str) else ""
