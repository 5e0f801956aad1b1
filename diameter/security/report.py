"""The security of every link of a configuration in numbers, as they are in force (E-TSP-12).

Made of the checked configuration and of the files it names, without opening a link.  `mtc security report` prints it;
the keys are those of docs/schema/security-report.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from cryptography import x509

from diameter.config import CLEAR, LinkProfile, LinkTable, ListenConfig, NodeConfig, PeerConfig
from diameter.config.ipsec import XFRM
from diameter.config.proposals import GROUPS
from diameter.config.protection import in_clear
from diameter.security import certificate as profile
from diameter.security.link import LinkSecurity
from diameter.security.offer import Offer, offer, offer_of_datagrams
from diameter.security.papers import Paper, papers
from diameter.security.policy import Level, level, profile_of, profile_under_ipsec
from diameter.security.tls import TlsContext

Record = dict[str, Any]
NAMES: Final = {"tls": ("TLS", "1.2"), "dtls": ("DTLS", "1.2")}
DATAGRAMS_HIGHEST: Final = "1.2"


class Report:
    """Collects the report of one node.  `context`: its keys, None where it has none; `now`: for what runs out."""

    def __init__(self, config: NodeConfig, context: TlsContext | None, now: datetime) -> None:
        self._config = config
        self._context = context
        self._now = now
        self._offers: dict[str, Offer] = {}
        if context is not None:
            self._offers = {"tls": offer(context), "dtls": offer_of_datagrams(context)}

    def document(self) -> Record:
        """The whole of it."""
        config, context = self._config, self._context
        return {
            "origin_host": config.origin_host,
            "origin_realm": config.origin_realm,
            "own": None if context is None else self._own(context),
            "policy": {
                place: one.model_dump() for place, one in zip(("inside", "outside"), self._profiles, strict=True)
            },
            "links": [
                *(self._listener(at, one) for at, one in enumerate(config.listen)),
                *(self._peer(at, one) for at, one in enumerate(config.peer)),
            ],
            "accept_unknown": list(config.accept_unknown),
            "redirects": {
                "connect": config.redirects.connect,
                "physical_protection_reason": config.redirects.physical_protection_reason,
            },
        }

    @property
    def _profiles(self) -> tuple[LinkProfile, LinkProfile]:
        return self._config.security.inside, self._config.security.outside

    def _own(self, context: TlsContext) -> Record:
        tls, leaf = self._config.tls, context.certificate
        assert tls is not None
        names = profile.identities(leaf, common_name=tls.common_name)
        return {
            **_certificate(leaf),
            "names": list(names),
            "carries_origin_host": self._config.origin_host.lower() in names,
            "files": {
                "certificate": str(tls.certificate),
                "key": str(tls.key),
                "trust": [str(one) for one in tls.trust],
                "crl": [str(one) for one in tls.crl],
            },
            "trust": [_certificate(one) for one in context.trusted],
            "crls": [_list(one) for one in context.crls],
            "revocation": "every CA of a chain needs a list in force" if context.crls else "not checked: no list given",
            "common_name": tls.common_name,
            "key_log": tls.key_log is not None,
            "runs_out": [self._ending(one) for one in papers(context)],
        }

    def _ending(self, paper: Paper) -> Record:
        tls = self._config.tls
        assert tls is not None
        left_s = paper.left_s(self._now)
        return {
            "kind": paper.kind,
            "name": paper.name,
            "not_after": paper.not_after.isoformat(),
            "days_left": int(left_s // 86400),
            "warning": left_s <= paper.warn_s(tls.warn_days),
        }

    # -- links

    def _listener(self, at: int, one: ListenConfig) -> Record:
        """What may come in: whoever is a peer with this transport, at the weaker of their thresholds."""
        kind = one.transport, in_clear(one)
        peers = [peer for peer in self._config.peer if (peer.transport, in_clear(peer)) == kind]
        profiles = [profile_of(peer, self._config.security) for peer in peers] or list(self._profiles)
        accepted = [peer.host for peer in peers if not peer.discover]
        if one.mechanism == "ipsec":
            profiles = [profile_under_ipsec(self._config.security, self._config.peer)]
        row = self._link(one, profiles)
        return {
            "place": f"listen.{at}",
            "peer": None,
            "placement": None,
            "addresses": [str(each) for each in (one.host, *one.association.local_addresses)],
            **row,
            "names": [],
            "accepts": [*accepted, *(f"realm {pattern} (lab)" for pattern in self._config.accept_unknown)],
        }

    def _peer(self, at: int, one: PeerConfig) -> Record:
        realms = [one.realm, *one.realms]
        return {
            "place": f"peer.{at}",
            "peer": one.host,
            "placement": one.placement,
            "addresses": list(one.dial) if one.connect else [],
            **self._link(one, [profile_of(one, self._config.security)]),
            "names": [] if one.mechanism in CLEAR else [one.host, *one.certificate_names],
            "accepts": _accepted(one, realms),
        }

    def _link(self, link: LinkTable, profiles: Sequence[LinkProfile]) -> Record:
        if link.mechanism == "ipsec":
            return _under_ipsec(link, profiles[0])
        clear, datagrams = link.transport in CLEAR, link.transport == "dtls"
        rsa, ec = min(one.rsa_bits for one in profiles), min(one.ec_bits for one in profiles)
        lowest, highest = self._versions(profiles, datagrams=datagrams)
        found = Offer(suites=(), groups=()) if clear else self._offers.get(link.transport, Offer(suites=(), groups=()))
        suites = [one for one in found.suites if _usable(one, lowest, highest)]
        name = NAMES.get(link.transport, ("", ""))[0]
        return {
            "transport": link.transport,
            "port": link.port_number,
            "mechanism": "none" if clear else link.transport,
            "lowest_version": None if clear else f"{name} {lowest}",
            "highest_version": None if clear else f"{name} {highest}",
            "suites": suites,
            "groups": list(found.groups),
            "rsa_bits": None if clear else rsa,
            "ec_bits": None if clear else ec,
            "sctp_auth": (link.association.auth or "required") if datagrams else None,
            "physical_protection": link.physical_protection,
            "physical_protection_reason": link.physical_protection_reason,
            "level": _weakest(link, lowest, rsa, ec).name.lower(),
        }

    def _versions(self, profiles: Sequence[LinkProfile], *, datagrams: bool) -> tuple[str, str]:
        """(lowest, highest): of the node's own bounds and the policy the stricter."""
        tls = self._config.tls
        least = min(one.minimum_tls for one in profiles)
        if tls is None or datagrams:
            return least, DATAGRAMS_HIGHEST if datagrams else least
        return max(tls.minimum_version, least), tls.maximum_version


def _under_ipsec(link: LinkTable, least: LinkProfile) -> Record:
    """A link that IPsec protects: the suites are those of ESP, the groups those that IKE proposes."""
    options = link.ipsec
    by_hand = options.hook == XFRM
    suites = sorted({sa.cipher for sa in options.sa}) if by_hand else list(options.suites.esp)
    words = [word for text in options.suites.ike for word in text.split("-")]
    groups = [] if by_hand else list(dict.fromkeys(word for word in words if word in GROUPS))
    weakest = [LinkSecurity(mechanism="ipsec", group="MODP_2048" if "modp2048" in groups else "")]
    if not by_hand:
        keys = ("RSA", least.rsa_bits), ("EC", least.ec_bits)
        weakest += [LinkSecurity(mechanism="ipsec", key_type=kind, key_bits=bits) for kind, bits in keys]
    version = "manual" if by_hand else "IKEv2"
    return {
        "transport": link.transport,
        "port": link.port_number,
        "mechanism": "ipsec",
        "lowest_version": version,
        "highest_version": version,
        "suites": suites,
        "groups": groups,
        "rsa_bits": None if by_hand else least.rsa_bits,
        "ec_bits": None if by_hand else least.ec_bits,
        "sctp_auth": None,
        "physical_protection": False,
        "physical_protection_reason": "",
        "level": min(level(one) for one in weakest).name.lower(),
    }


def _usable(suite: str, lowest: str, highest: str) -> bool:
    modern = suite.startswith("TLS_")
    return (modern and highest == "1.3") or (not modern and lowest == "1.2")


def _weakest(link: LinkTable, version: str, rsa: int, ec: int) -> Level:
    """The lowest level at which this link can come up: with the oldest version and the weakest key that are let in."""
    if link.transport in CLEAR:
        return level(LinkSecurity(), physical=link.physical_protection)
    found = [
        LinkSecurity(mechanism=link.transport, version=f"TLSv{version}", key_type=kind, key_bits=bits)
        for kind, bits in (("RSA", rsa), ("EC", ec))
    ]
    return min(level(one) for one in found)


def _accepted(peer: PeerConfig, realms: Sequence[str]) -> list[str]:
    found = [f"{', '.join(peer.applications) or 'every application'}, for {', '.join(realms)}"]
    if peer.agent_realms:
        found.append(f"as an agent for {', '.join(peer.agent_realms)}")
    return found


def _certificate(one: x509.Certificate) -> Record:
    kind, bits = profile.key_of(one)
    digest = one.signature_hash_algorithm
    begin, end = profile.lifetime(one)
    return {
        "subject": profile.name_of(lambda: one.subject),
        "issuer": profile.name_of(lambda: one.issuer),
        "serial": str(one.serial_number),
        "fingerprint": profile.fingerprint(one),
        "key_type": kind,
        "key_bits": bits,
        "hash": digest.name if digest is not None else "",
        "not_before": begin.isoformat(),
        "not_after": end.isoformat(),
    }


def _list(one: x509.CertificateRevocationList) -> Record:
    begin, end = one.last_update_utc, one.next_update_utc
    return {
        "issuer": profile.name_of(lambda: one.issuer),
        "this_update": begin.isoformat(),
        "next_update": None if end is None else end.isoformat(),
        "revoked": len(one),
    }
