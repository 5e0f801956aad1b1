"""From configuration and applications to what the peer layer says of this node; and a configuration from a few
words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, Literal, cast, get_args

from diameter.app import Application, Bound, Port
from diameter.config import CLEAR, NodeConfig, PeerConfig, TlsConfig, Transport
from diameter.config.load import validate
from diameter.errors import ConfigError, DictionaryError, LocalError
from diameter.message import Dictionary
from diameter.message.build import write_avps
from diameter.peer.capabilities import Advertised, LocalIdentity
from diameter.peer.inputs import Timers
from diameter.peer.sharing import shared
from diameter.routing.agents import Agent
from diameter.routing.balance import Balance
from diameter.routing.table import ANY, RELAY, Route, RoutingTable
from diameter.transport.link import Link


def origin_octets(config: NodeConfig, dictionary: Dictionary) -> bytes:
    """Origin-Host and Origin-Realm as the octets that every answer carries."""
    return write_avps(dictionary.tables(0), {"Origin-Host": config.origin_host, "Origin-Realm": config.origin_realm})


def bind(applications: Sequence[Application], port: Port, dictionary: Dictionary) -> dict[tuple[int, int], Bound]:
    """Join the applications to a node; their handlers by (application id, command code).

    Raises LocalError for two applications of one id, and what `Application.bind` raises.
    """
    handlers: dict[tuple[int, int], Bound] = {}
    owners: dict[int, str] = {}
    for application in applications:
        bound = application.bind(port, dictionary)
        name, number = type(application).__name__, application.application_id
        if number in owners:
            raise LocalError(f"{owners[number]} and {name} are both application {number}")
        owners[number] = name
        handlers.update({(number, code): handler for code, handler in bound.items()})
    return handlers


def table_of(
    config: NodeConfig,
    dictionary: Dictionary,
    applications: Iterable[Application],
    more: Sequence[Route],
    last: Sequence[str],
) -> RoutingTable:
    """The routing table: the routes in `more`, then those of the configuration; `last`: hosts of the default route.

    Raises ConfigError, LocalError.
    """
    configured = []
    for at, one in enumerate(config.route):
        try:
            number = dictionary.application(one.application).id if one.application else ANY
        except DictionaryError as error:
            if not one.application.isdecimal():
                raise ConfigError(f"route.{at}.application: {error}") from None
            number = int(one.application)
        configured.append(Route(realm=one.realm, hosts=one.hosts, application=number, balance=Balance(one.balance)))
    return RoutingTable(
        config.origin_host,
        (config.origin_realm,),
        {application.application_id for application in applications},
        (*more, *configured),
        last,
        Balance(config.balance),
    )


def local_identity(
    config: NodeConfig,
    dictionary: Dictionary,
    applications: Iterable[Application],
    now: float,
    agent: Agent | None = None,
) -> LocalIdentity:
    """What CER and CEA say; Origin-State-Id is the time of the start, so that it grows (RFC 6733 section 8.16).

    An agent says which applications it understands, or that it is a relay (sections 2.8.1, 2.8.2).
    """
    wanted: list[int | str] = [application.application_id for application in applications]
    if agent is not None:
        wanted += agent.applications or (RELAY,)
    defined = list({one.id: one for one in map(dictionary.application, wanted)}.values())
    advertised = tuple(Advertised(id=one.id, vendor=one.vendor, accounting=one.accounting) for one in defined)
    return LocalIdentity(
        origin_host=config.origin_host,
        origin_realm=config.origin_realm,
        product_name=config.product_name,
        vendor_id=config.vendor_id,
        supported_vendors=tuple(sorted({one.vendor for one in defined if one.vendor})),
        applications=advertised,
        origin_state_id=int(now) & 0xFFFFFFFF,
    )


def timers_of(config: NodeConfig) -> Timers:
    """The peer layer's waiting times."""
    return Timers(
        tw_s=config.tw_s,
        tw_jitter_s=config.tw_jitter_s,
        reopen_dwas=config.reopen_dwas,
        tc_s=config.tc_s,
        tc_jitter=config.tc_jitter,
        tc_backoff=config.tc_backoff,
        tc_max_s=config.tc_max_s,
        busy_s=config.busy_s,
        connect_timeout_s=config.connect_timeout_s + config.handshake_timeout_s,
        cer_timeout_s=config.cer_timeout_s,
        cea_timeout_s=config.cea_timeout_s,
        dpa_timeout_s=min(config.dpa_timeout_s, config.drain_s),
    )


def endpoint(text: str) -> tuple[Transport, str, int | None]:
    """ "tcp:127.0.0.1:3868", "tls:[::1]:5868", "sctp:[::1]" or "tls:iwf.example.org" as (transport, host, port or
    None).  Raises ConfigError.
    """
    transport, _, rest = text.partition(":")
    if transport not in get_args(Transport) or not rest:
        raise ConfigError(
            f"{text!r} is no endpoint; write tcp:HOST:PORT, tls:HOST:PORT, sctp:HOST:PORT or dtls:HOST:PORT"
        )
    host, port = rest, ""
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        port = port.removeprefix(":")
    elif rest.count(":") == 1:
        host, port = rest.split(":")
    if port and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ConfigError(f"{text!r}: {port!r} is no port")
    return cast(Transport, transport), host, int(port) if port else None


def quick_config(
    identity: str,
    realm: str,
    *,
    listen: str | Sequence[str] = (),
    connect: Mapping[str, str] | None = None,
    peers: Sequence[str | PeerConfig] | Literal["any"] = (),
    physical_protection: str = "",
    tls: TlsConfig | None = None,
    **node: Any,
) -> NodeConfig:
    """A configuration from a few words, for small programs.

    `listen`: endpoints such as "tcp:127.0.0.1:3868".  `connect`: peer identity to the endpoint to dial.  `peers`:
    identities that may connect to us, or "any" (lab only).  The realm of a peer is its name without the first label
    unless a PeerConfig says otherwise.
    `physical_protection`: why clear text is acceptable; needed for tcp.  `node`: further keys of the `[node]` table.
    Raises ConfigError with a line for each thing wrong.
    """
    clear = {"physical_protection": bool(physical_protection), "physical_protection_reason": physical_protection}

    def guarded(transport: str) -> dict[str, Any]:
        return {"transport": transport, **(clear if transport in CLEAR else {})}

    listeners: list[dict[str, Any]] = []
    for text in (listen,) if isinstance(listen, str) else listen:
        transport, host, port = endpoint(text)
        listeners.append({"host": host, "port": port, **guarded(transport)})
    table: list[Any] = []
    for name, text in (connect or {}).items():
        transport, host, port = endpoint(text)
        row = {"host": name, "realm": _realm(name), "connect": True, "addresses": [host], "port": port}
        table.append(row | guarded(transport))
    default = guarded("tls" if tls is not None else "tcp")
    for peer in () if peers == "any" else peers:
        table.append(peer if isinstance(peer, PeerConfig) else {"host": peer, "realm": _realm(peer), **default})
    tables = {
        "origin_host": identity, "origin_realm": realm, "listen": listeners, "peer": table, "tls": tls,
        **({"lab": True, "accept_unknown": ["*"]} if peers == "any" else {}), **node,
    }  # fmt: skip
    return validate(tables, NodeConfig, source="node", base=Path())


def _realm(host: str) -> str:
    return host.partition(".")[2] or host


def addresses_of(link: Link) -> tuple[IPv4Address | IPv6Address, ...]:
    """Local addresses for Host-IP-Address; names (a link in memory has one) are left out."""
    found = []
    for address in link.local_addresses:
        try:
            found.append(ip_address(address.host.partition("%")[0]))
        except ValueError:
            continue
    return shared(tuple(found))
