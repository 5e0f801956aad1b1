"""What strongSwan is told: one flow as connections of VICI, certificates and all; nothing of it lies in its own files.

ESP in transport mode is between two addresses, so an association with several has a connection for each pair, in their
order; in tunnel mode one connection has them all.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import product
from typing import Any, Final

from diameter.config import IkeConfig
from diameter.errors import ConfigError
from diameter.security.credentials import (
    PEM_CRL,
    BadCredentials,
    Credentials,
    anchors,
    own_chain,
    own_key,
    revocations,
)
from diameter.transport.ipsec.hook import Flow

CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", re.DOTALL)
WHO: Final = "rsa-{}-ecdsa-{}-sha256-sha384-sha512"
"""How the other end has to prove who it is: least keys and hashes of its whole chain (TS 33.310 clause 6.1)."""
REPLAY_WINDOW: Final = "64"
"""Packets; never 0, which would turn the protection off.  Said, because the daemon's own default can be set to 0."""
REQID: Final = 3868
"""Request number of every child SA, so that a policy on a socket finds the one that strongSwan has made."""
LONGEST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the files of `ike` hold, checked."""

    certificates: tuple[bytes, ...]
    anchors: tuple[bytes, ...]
    key: bytes = field(repr=False)
    crls: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One connection to be loaded; it has one child, of the same name."""

    name: str
    tree: Mapping[str, Any] = field(repr=False)
    key: bytes = field(repr=False)
    crls: tuple[bytes, ...] = ()

    def commands(self) -> list[tuple[str, Mapping[str, Any]]]:
        """What loads it, in this order."""
        lists = [one for octets in self.crls for one in _lists(octets)]
        told: list[tuple[str, Mapping[str, Any]]] = [("load-key", {"type": "any", "data": self.key})]
        told += [("load-cert", {"type": "X509_CRL", "flag": "NONE", "data": one}) for one in lists]
        if lists:  # or an older list that the daemon remembers would be asked first
            told.append(("flush-certs", {"type": "X509_CRL"}))
        return [*told, ("load-conn", {self.name: self.tree})]


def read_material(ike: IkeConfig) -> Material:
    """Read and check the files.  Raises ConfigError that names the key of the configuration."""
    keys = {"chain": ("certificate", (ike.certificate,)), "key": ("key", (ike.key,)), "trust": ("trust", ike.trust)}
    keys["crls"] = ("crl", ike.crl)
    try:
        read = {part: tuple(path.read_bytes() for path in paths) for part, (_, paths) in keys.items()}
    except OSError as error:
        raise ConfigError(f"ike: cannot read {error.filename}: {error.strerror}") from None
    asked = Credentials(chain=read["chain"][0], key=read["key"][0], trust=read["trust"], crls=read["crls"])
    try:
        chain = own_chain(asked)
        own_key(asked, chain[0])
        anchors(asked)
        revocations(asked)
    except BadCredentials as error:
        name, paths = keys[error.part]
        raise ConfigError(f"ike.{name}: {paths[error.index]}: {error}") from None
    return Material(
        certificates=tuple(CERTIFICATE.findall(asked.chain)),
        anchors=tuple(found for octets in asked.trust for found in CERTIFICATE.findall(octets)),
        key=asked.key,
        crls=asked.crls,
    )


def connections(flow: Flow, material: Material, mark: str) -> list[Connection]:
    """Return what has to be loaded for a flow that we bring up, or for a listener that others bring it up to.

    `mark`: of this program, so that another one to the same peer (a ping beside a node) has its own.  A listener's
    connection has no mark: what a killed program left behind is replaced.
    """
    mark = mark if flow.dialled else ""
    options, ike = flow.options, flow.options.ike
    assert ike is not None
    if options.mode == "transport" and flow.remote and flow.local:
        return [_connection(flow, ike, material, (here,), (there,), mark) for here, there in _pairs(flow)]
    return [_connection(flow, ike, material, flow.local, flow.remote, mark)]


def _pairs(flow: Flow) -> list[tuple[str, str]]:
    if len(flow.local) == len(flow.remote):
        return list(zip(flow.local, flow.remote, strict=True))
    return list(product(flow.local, flow.remote))


def _connection(
    flow: Flow, ike: IkeConfig, material: Material, local: tuple[str, ...], remote: tuple[str, ...], mark: str
) -> Connection:
    options = flow.options
    outer_local = (ike.local,) if ike.local and options.mode == "tunnel" else local
    outer_remote = (ike.remote,) if ike.remote and options.mode == "tunnel" else remote
    child = {
        "local_ts": _selectors(local, flow, flow.local_port),
        "remote_ts": _selectors(remote, flow, flow.remote_port),
        "esp_proposals": list(options.suites.esp),
        "mode": options.mode,
        "reqid": str(REQID),
        "rekey_time": f"{ike.rekey_s:g}s",
        "replay_window": REPLAY_WINDOW,
        "start_action": "none",
        "dpd_action": "clear",
        "close_action": "none",
    }
    tree: dict[str, Any] = {
        "version": "2",
        "local_addrs": _hosts(outer_local),
        "remote_addrs": _hosts(outer_remote),
        "proposals": list(options.suites.ike),
        "encap": "yes" if ike.encap else "no",
        "mobike": "no",
        "dpd_delay": f"{max(1, round(ike.dpd_s))}s",
        "keyingtries": "1",
        "local": {"auth": "pubkey", "id": _identity(flow.local_identity), "certs": list(material.certificates)},
        "remote": {
            "auth": WHO.format(flow.rsa_bits, flow.ec_bits),
            "id": _identity(flow.identity),
            "cacerts": list(material.anchors),
        },
    }
    if material.crls:
        tree["remote"]["revocation"] = "strict"
    name = _name(flow, local, remote, mark)
    return Connection(name=name, tree={**tree, "children": {name: child}}, key=material.key, crls=material.crls)


def _name(flow: Flow, *more: object) -> str:
    """One that people know, the same for the same traffic."""
    traffic = (flow.identity, flow.local_identity, flow.protocol, flow.local_port, flow.remote_port, more)
    return f"mtc-{(flow.peer or 'anybody')[:LONGEST]}-{hashlib.sha256(repr(traffic).encode()).hexdigest()[:12]}"


def _identity(name: str) -> str:
    return f"fqdn:{name}" if name else "%any"


def _hosts(addresses: tuple[str, ...]) -> list[str]:
    """The ends of IKE; anybody where an address says so, or none is given."""
    named = [address for address in addresses if not ip_address(address.partition("%")[0]).is_unspecified]
    return named if named and len(named) == len(addresses) else ["%any"]


def _selectors(addresses: tuple[str, ...], flow: Flow, port: int) -> list[str]:
    """Addresses with protocol and port.  Where the end is not known: its own address, or in a tunnel any."""
    suffix = f"[{flow.protocol}/{port}]" if port else f"[{flow.protocol}]"
    if _hosts(addresses) == ["%any"]:
        hosts = ["dynamic"] if flow.options.mode == "transport" else ["0.0.0.0/0", "::/0"]
    else:
        hosts = [f"{each}/{ip_address(each.partition('%')[0]).max_prefixlen}" for each in addresses]
    return [f"{host}{suffix}" for host in hosts]


def _lists(octets: bytes) -> list[bytes]:
    """The revocation lists of a file: several in PEM, or one in DER."""
    if PEM_CRL not in octets:
        return [octets]
    return [PEM_CRL + block for block in octets.split(PEM_CRL)[1:]]
