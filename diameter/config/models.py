"""The tables of a configuration: what each key means, its bounds, and which tables must agree.

Secrets are paths of files, never values; relative paths count from the folder of the file that names them.  Nothing
here reads the environment, and nothing here knows twisted or what a link does: checks that need a parsed key or
certificate are made by `diameter.transport.tls`.  Units stand in the names (`tw_s`); a `..._limit` is octets.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config.admin import AdminConfig
from diameter.config.base import Identity, Seconds, Table, realm_pattern
from diameter.config.capture import CaptureConfig
from diameter.config.faults import FaultConfig
from diameter.config.limits import Limits, OverloadConfig
from diameter.config.links import ASSOCIATIONS, CERTIFIED, LinkTable, ListenConfig, TlsConfig, TlsVersion
from diameter.config.load import Complaints
from diameter.config.manners import Manners
from diameter.config.protection import unprotected
from diameter.config.redirects import RedirectsConfig

Placement = Literal["inside", "outside"]
RealmPattern = Annotated[str, AfterValidator(realm_pattern)]
Balancing = Literal["order", "weight", "outstanding"]


class PeerConfig(LinkTable, Manners):
    """One remote identity (RFC 6733 section 2.6), and what its links must have."""

    host: Identity = Field(description="its Origin-Host, which its certificate must carry")
    realm: Identity = Field(description="its Origin-Realm")
    realms: tuple[Identity, ...] = Field(
        default=(), strict=False, description="further realms it may claim that are not a suffix of its host"
    )
    connect: bool = Field(default=False, description="we dial; otherwise it does")
    addresses: tuple[str, ...] = Field(
        default=(), strict=False, description="addresses or names to dial, tried in order; its host when empty"
    )
    certificate_names: tuple[Identity, ...] = Field(
        default=(), strict=False, description="names that its certificate must carry besides its host"
    )
    discover: bool = Field(default=False, description="find the peers of the realm by DNS, and dial them; without host")
    discover_limit: int = Field(default=2, ge=1, le=64, description="peers found by DNS that are dialled, best first")
    bind: str | None = Field(default=None, description="local address to dial from")
    applications: tuple[str, ...] = Field(
        default=(), strict=False, description="names of the applications this peer may use; every one when empty"
    )
    placement: Placement = Field(default="outside", description="inside or outside the operator's domain")
    agent: bool = Field(default=False, description="relays or proxies for others")
    agent_realms: tuple[Identity, ...] = Field(
        default=(), strict=False, description="realms for which an agent may bring requests"
    )

    weight: int = Field(
        default=1, ge=1, le=65535, description="its share of requests where peers share them by weight or outstanding"
    )

    @model_validator(mode="before")
    @classmethod
    def _what_is_discovered_has_no_host(cls, table: Any) -> Any:
        """A row with `discover` stands for every peer found; its realm takes the place of a host."""
        if not isinstance(table, dict) or table.get("discover") is not True:
            return table
        wrong = [key for key in ("host", "addresses", "certificate_names", "connect") if key in table]
        if wrong:
            raise Complaints([(key, "is found by DNS where discover = true") for key in wrong])
        return {**table, "host": table.get("realm")}

    @model_validator(mode="after")
    def _agent_realms_need_an_agent(self) -> Self:
        if self.agent_realms and not self.agent:
            raise Complaints([("agent_realms", "only an agent (agent = true) may bring requests of others")])
        return self

    @property
    def dial(self) -> tuple[str, ...]:
        """Where to connect to, in order."""
        return self.addresses or (self.host,)


class RouteConfig(Table):
    """Where requests for a realm go (RFC 6733 section 2.7); peers of the realm itself need no route."""

    realm: Identity | Literal["*"] = Field(description='Destination-Realm; "*" is every realm without a route or peer')
    application: str = Field(default="", description="name or number of the only application meant; all when empty")
    hosts: tuple[Identity, ...] = Field(strict=False, min_length=1, description="peers that take them, best first")
    balance: Balancing = Field(
        default="order", description="order: the first that is open; weight, outstanding: shared among those open"
    )


class LinkProfile(Table):
    """The least that a link of one placement must have, in numbers (E-TSP-12)."""

    minimum_tls: TlsVersion = Field(default="1.2", description="lowest TLS version accepted")
    rsa_bits: int = Field(default=2048, ge=2048, le=16384, description="shortest RSA key of a peer certificate")
    ec_bits: int = Field(default=256, ge=256, le=521, description="shortest elliptic curve key of a peer certificate")
    physical_protection: bool = Field(default=True, description="a link may be in clear where it is declared protected")
    nds_ip: bool = Field(default=False, description="every link has to be under IPsec in tunnel mode, TS 33.210")


class SecurityConfig(Table):
    """Security asked of links to peers inside and outside the operator's domain."""

    inside: LinkProfile = LinkProfile()
    outside: LinkProfile = LinkProfile()

    @model_validator(mode="after")
    def _outside_is_not_weaker(self) -> Self:
        """R-TSP-11: protection of an SCS outside the domain is not lower than of one inside."""
        inner, outer = self.inside, self.outside
        weaker = [
            (f"outside.{name}", f"weaker than inside.{name}")
            for name, worse in (
                ("minimum_tls", outer.minimum_tls < inner.minimum_tls),
                ("rsa_bits", outer.rsa_bits < inner.rsa_bits),
                ("ec_bits", outer.ec_bits < inner.ec_bits),
                ("physical_protection", outer.physical_protection and not inner.physical_protection),
                ("nds_ip", inner.nds_ip and not outer.nds_ip),
            )
            if worse
        ]
        if weaker:
            raise Complaints(weaker)
        return self


class NodeTable(Table):
    """The `[node]` table: who this node is, where it listens, its timers and limits."""

    origin_host: Identity = Field(description="our Origin-Host")
    origin_realm: Identity = Field(description="our Origin-Realm")
    product_name: str = Field(default="mtc-diameter", min_length=1, max_length=255, description="in CER and CEA")
    vendor_id: int = Field(default=0, ge=0, lt=2**32, description="in CER and CEA")
    listen: tuple[ListenConfig, ...] = Field(default=(), strict=False, description="addresses to accept links on")
    tls: TlsConfig | None = Field(default=None, description="needed as soon as one link is tls")
    tw_s: float = Field(default=30, ge=6, le=3600, description="watchdog Twinit, RFC 3539 section 3.4.1")
    tw_jitter_s: float = Field(default=2, ge=0, lt=6, description="tw_s varies by so much, RFC 3539 section 3.4.1")
    reopen_dwas: int = Field(
        default=3, ge=0, le=10, description="DWAs a peer that came back owes before requests; 0: none"
    )
    tc_s: Seconds = Field(default=30, description="time between attempts to connect, RFC 6733 section 2.1")
    tc_jitter: float = Field(default=0.1, ge=0, lt=1, description="tc_s varies by this fraction")
    tc_backoff: float = Field(
        default=1, ge=1, le=10, description="each attempt in a row that fails waits so much longer"
    )
    tc_max_s: Seconds = Field(default=300, description="but never longer than this, or tc_s")
    busy_s: Seconds = Field(default=300, description="time until we return to a peer whose DPR said BUSY")
    request_timeout_s: Seconds = Field(default=10, description="time an answer may take")
    connect_timeout_s: Seconds = Field(default=10, description="time one connection attempt may take")
    handshake_timeout_s: Seconds = Field(default=10, description="time the TLS handshake may take")
    cer_timeout_s: Seconds = Field(default=10, description="time a link we accepted has to bring its CER")
    cea_timeout_s: Seconds = Field(default=10, description="time a peer we dialled has for its CEA")
    dpa_timeout_s: Seconds = Field(default=5, description="time a peer has for its DPA, or to close after ours")
    drain_s: Seconds = Field(default=10, description="time that open requests have when the node stops")
    workers: int = Field(default=1, ge=1, le=64, description="processes that are this node; --workers overrides it")
    poll_us: int = Field(
        default=0, ge=0, le=10_000,
        description="microseconds to look again before sleeping: shorter round trips for more processor time",
    )  # fmt: skip
    balance: Balancing = Field(default="order", description="how the peers of one realm share requests")
    dns: tuple[str, ...] = Field(
        default=(), strict=False, description="name servers, ADDRESS or ADDRESS:PORT; those of the system when empty"
    )
    dns_timeout_s: Seconds = Field(default=5, description="time each name server may take")
    lab: bool = Field(default=False, description="this node is for trials: allows what no operator's node may do")
    accept_unknown: tuple[RealmPattern, ...] = Field(
        default=(), strict=False, description='labs only: realms whose hosts need no [[peer]], "*.example.org" or "*"'
    )
    admin: AdminConfig | None = Field(default=None, description="HTTP for the operator of the node")
    capture: CaptureConfig | None = Field(default=None, description="what is written down of its messages")
    limits: Limits = Limits()
    overload: OverloadConfig = OverloadConfig()
    redirects: RedirectsConfig = RedirectsConfig()
    security: SecurityConfig = SecurityConfig()


class NodeConfig(NodeTable):
    """Everything a `diameter.node.Node` needs: the node and its peers."""

    peer: tuple[PeerConfig, ...] = Field(default=(), strict=False, description="the peer table")

    route: tuple[RouteConfig, ...] = Field(default=(), strict=False, description="the routing table")
    fault: tuple[FaultConfig, ...] = Field(default=(), strict=False, description="faults to inject, for tests")

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        _agree(self, self.peer, self.route, "", self.fault)
        return self

    def peer_named(self, host: str) -> PeerConfig | None:
        """Return the peer with this Origin-Host (case-insensitive, trailing dot ignored), or None."""
        return self._peers.get(host.rstrip(".").lower())

    @cached_property
    def _peers(self) -> dict[str, PeerConfig]:
        return {peer.host.lower(): peer for peer in self.peer}


class FunctionConfig(Table):
    """File of one network function: `function`, `[node]`, `[[node.listen]]`, `[[peer]]`; a subclass adds its tables."""

    function: str = Field(default="", description="which network function the file is for, e.g. mtc-iwf")
    node: NodeTable = Field(description="identity, listeners, timers, limits")
    peer: tuple[PeerConfig, ...] = Field(default=(), strict=False, description="the peer table")

    route: tuple[RouteConfig, ...] = Field(default=(), strict=False, description="the routing table")
    fault: tuple[FaultConfig, ...] = Field(default=(), strict=False, description="faults to inject, for tests")

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        _agree(self.node, self.peer, self.route, "node.", self.fault)
        return self

    @cached_property
    def node_config(self) -> NodeConfig:
        """The node with its peers, as `diameter.node.Node` takes it."""
        fields = {name: getattr(self.node, name) for name in NodeTable.model_fields}
        return NodeConfig.model_construct(**fields, peer=self.peer, route=self.route, fault=self.fault)


def _agree(
    node: NodeTable,
    peers: Sequence[PeerConfig],
    routes: Iterable[RouteConfig],
    prefix: str,
    faults: Iterable[FaultConfig],
) -> None:
    """Raise Complaints when parts that are each right do not fit together; `prefix` names the node's table."""
    found: list[tuple[str, str]] = []
    links: list[tuple[str, LinkTable]] = [(f"{prefix}listen.{at}", link) for at, link in enumerate(node.listen)]
    seen: dict[tuple[str, int, bool], str] = {}
    for place, link in links:
        assert isinstance(link, ListenConfig)
        first = seen.setdefault((link.host, link.port_number, link.transport in ASSOCIATIONS), place)
        if first != place and link.port_number:
            found.append((place, f"same address and port as {first}"))
    hosts: dict[str, int] = {}
    outside: set[str] = set()
    for at, peer in enumerate(peers):
        links.append((f"peer.{at}", peer))
        first_peer = hosts.setdefault(peer.host.lower(), at)
        if peer.placement == "outside" and not node.lab:
            outside.add(peer.host.lower())
        if first_peer != at:
            found.append((f"peer.{at}.host", f"same host as peer.{first_peer}"))
        if peer.host.lower() == node.origin_host.lower():
            found.append((f"peer.{at}.host", f"is our own {prefix}origin_host"))
    found += _routes_agree(routes, hosts)
    found += [(f"fault.{at}", text) for at, rule in enumerate(faults) for text in rule.misplaced(hosts, outside)]
    if node.accept_unknown and not node.lab:
        found.append((f"{prefix}accept_unknown", f"allowed in a lab only: needs {prefix}lab = true"))
    if node.redirects.connect and node.tls is None and not node.redirects.physical_protection:
        found.append((f"{prefix}redirects.connect", f"needs {prefix}tls, or clear text that is protected"))
    wanting = [(place, link.transport) for place, link in links if link.transport in CERTIFIED]
    if wanting and node.tls is None:
        found.append((f"{prefix}tls", f'missing, but {wanting[0][0]} has transport = "{wanting[0][1]}"'))
    datagrams = [place for place, link in links if link.transport == "dtls"]
    if datagrams and node.tls is not None and node.tls.minimum_version != "1.2":
        found.append((f"{prefix}tls.minimum_version", f"{datagrams[0]} is dtls, which has no version above 1.2"))
    found += unprotected(node, peers, prefix)
    if found:
        raise Complaints(found)


def _routes_agree(routes: Iterable[RouteConfig], hosts: Container[str]) -> list[tuple[str, str]]:
    """What is wrong with routes: hosts that are no peers, and two for one realm and application."""
    found: list[tuple[str, str]] = []
    seen: dict[tuple[str, str], int] = {}
    for at, route in enumerate(routes):
        found += [(f"route.{at}.hosts", f"{host} is no [[peer]]") for host in route.hosts if host.lower() not in hosts]
        first = seen.setdefault((route.realm.lower(), route.application.lower()), at)
        if first != at:
            found.append((f"route.{at}", f"same realm and application as route.{first}"))
    return found
