"""From what the configuration says of a peer's manners to what the peer layer and the links do about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from diameter.config import NodeTable, PeerConfig
from diameter.errors import ConfigError, DictionaryError, LocalError, RemoteFault
from diameter.message import Dictionary, Message
from diameter.peer.inputs import Habits, Timers
from diameter.peer.sharing import shared
from diameter.routing.table import RELAY
from diameter.security.identity import lies_in, plain
from diameter.transport.link import Link


def habits_of(config: PeerConfig, dictionary: Dictionary) -> Habits:
    """What a peer is allowed beside the rules.  Raises ConfigError for an application nobody knows."""
    return shared(
        Habits(
            assumed=frozenset(_assumed(config, dictionary)),
            relay_serves_all=config.relay_serves_all,
            incomplete_cea=config.incomplete_cea,
            replace=config.second_connection == "replace",
            strict_state=config.origin_state == "strict",
        )
    )


def _assumed(config: PeerConfig, dictionary: Dictionary) -> Iterable[int]:
    for name in config.assume_applications:
        if name == "*":
            yield RELAY
        elif name.isdecimal():
            yield int(name)
        else:
            try:
                yield dictionary.application(name).id
            except DictionaryError as error:
                raise ConfigError(f"peer {config.host}: assume_applications: {error}") from None


def timers_for(config: PeerConfig, timers: Timers) -> Timers:
    """The node's waiting times, or those of one peer."""
    if config.watchdog and config.tw_s is None and config.tc_s is None:
        return timers
    return shared(
        replace(timers, tw_s=config.tw_s or timers.tw_s, tc_s=config.tc_s or timers.tc_s, watch=config.watchdog)
    )


def unannounced(config: PeerConfig, cer: Message, link: Link) -> str:
    """Why a CER is refused whose Host-IP-Address lacks the address it came from; "" where it is not, or may be so.

    Behind NAT, and in containers, the two differ in all honesty, so only a peer that says `announced` is held to it.
    """
    if config.source_address == "any":
        return ""
    try:
        source = ip_address(link.remote.host.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(source, "ipv4_mapped", None) or source
    if mapped in cer.all("Host-IP-Address"):
        return ""
    return f"Host-IP-Address of {config.host} does not list {mapped}, where it connects from"


def foreign(config: PeerConfig | None, answer: Message) -> bool:
    """True for an answer of another host than the peer, where the peer may not bring one."""
    if config is None or config.answers_of_others:
        return False
    try:
        host = answer.get("Origin-Host", "")
        return host != config.host and plain(host) != plain(config.host)
    except RemoteFault:
        return True


def unknown_peer(node: NodeTable, host: str, cer: Message, link: Link) -> PeerConfig | None:
    """A row for an identity that nobody configured, in a lab that accepts its realm; None for any other, and for a
    name that is no identity or does not lie in its realm.
    """
    if not node.accept_unknown or not node.lab:
        return None
    transport: Any = link.transport
    try:
        realm = cer.text("Origin-Realm")
        if not any(fits(realm, pattern) for pattern in node.accept_unknown):
            return None
        if node.accept_unknown != ("*",) and not lies_in(host, realm):
            return None
        return PeerConfig(
            host=host,
            realm=realm,
            transport=transport,
            security="ipsec" if link.security.mechanism == "ipsec" else None,
            physical_protection=not link.secure,
            physical_protection_reason="" if link.secure else "a lab that accepts unknown peers",
        )
    except (ValueError, KeyError, LocalError):
        return None


def fits(realm: str, pattern: str) -> bool:
    """True when a realm is meant by "*", by "*.example.org" (below it), or by itself."""
    name = plain(realm)
    if pattern.startswith("*."):
        return name.endswith(pattern[1:]) and len(name) > len(pattern) - 1
    return pattern in ("*", name)
