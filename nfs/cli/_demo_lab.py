"""The lab of `mtc demo`: who is who, certificates, subscribers and configurations."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nfs.cli._lab import CLEAR_PORT, SECURE_PORT, Place, places, write_configs, write_token

REALM: Final = "operator.example"
CUSTOMER: Final = "customer.example"
PLMN: Final = "00101"
REASON: Final = "loopback of one machine"
FUNCTIONS: Final = ("hss", "mme", "sms-sc", "mtc-iwf", "scs")
HOSTS: Final = {name: f"{name}.{REALM}" for name in FUNCTIONS} | {"scs": f"scs.{CUSTOMER}"}
NUMBERS: Final = {"scs": "15550000100", "sms-sc": "15550000200", "mme": "15550000300"}
PORTS: Final = {"scs": 0, "mtc-iwf": SECURE_PORT, "hss": CLEAR_PORT, "sms-sc": CLEAR_PORT, "mme": CLEAR_PORT}
LISTENING: Final = {"hss_listens": "hss", "mme_listens": "mme", "sms_sc_listens": "sms-sc"}
DIALLING: Final = {
    "iwf_dials_hss": ("mtc-iwf", "hss"),
    "iwf_dials_sms_sc": ("mtc-iwf", "sms-sc"),
    "sms_sc_dials_mme": ("sms-sc", "mme"),
}
UDP_PORT: Final = 9899
APPLICATION_PORT: Final = 16000  # the first one that needs no registration


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One simulated device and its subscription."""

    imsi: str
    msisdn: str
    external_id: str


def devices(count: int) -> Iterator[Device]:
    """`count` devices, with consecutive numbers."""
    for number in range(1, count + 1):
        yield Device(imsi=f"{PLMN}{number:010}", msisdn=f"1556{number:07}", external_id=f"meter-{number}@{CUSTOMER}")


def wanted() -> dict[str, Place]:
    """An address for each function out of a block of 127.0.0.0/16 that goes with this process.

    Two labs that start in the same second would both find a common block free.
    """
    block = os.getpid() % 254 + 1
    return {name: Place(f"127.0.{block}.{10 * at}", port) for at, (name, port) in enumerate(PORTS.items(), start=1)}


def make(folder: Path, count: int, transport: str = "tcp") -> str:
    """Fill `folder` with all that the processes need; the token that the SCS asks for.  Raises LocalError.

    `transport`: of the links in clear, "tcp" or "sctp".
    """
    _certificates(folder / "pki")
    _subscribers(folder / "hss.db", count)
    values: dict[str, object] = {
        "realm": REALM,
        "scs_realm": CUSTOMER,
        "plmn": PLMN,
        "reason": REASON,
        "first_imsi": next(devices(1)).imsi,
        "ues": count,
    }
    found = places(wanted())
    values |= clear_links(transport, found)
    for name, place in found.items():
        key = "iwf" if name == "mtc-iwf" else name.replace("-", "_")
        values |= {f"{key}_host": HOSTS[name], f"{key}_address": place.host, f"{key}_port": place.port}
    for name, number in NUMBERS.items():
        values[f"{name.replace('-', '_')}_number"] = number
    write_configs(folder, values, FUNCTIONS)
    return write_token(folder / "scs.token")


def clear_links(transport: str, found: Mapping[str, Place]) -> dict[str, str]:
    """The lines that make each link in clear one of `transport`, for the templates.

    SCTP in user space goes over UDP: each function has a UDP port, 9899 where nobody has it.
    """
    if transport == "tcp":
        return dict.fromkeys(("clear", *LISTENING, *DIALLING), 'transport = "tcp"')
    ports = _udp_ports(found)
    lines = {"clear": 'transport = "sctp"'}
    for key, name in LISTENING.items():
        lines[key] = f'transport = "sctp"\nassociation = {{ udp_port = {ports[name]} }}'
    for key, (name, peer) in DIALLING.items():
        udp = f"udp_port = {ports[name]}, remote_udp_port = {ports[peer]}"
        lines[key] = f'transport = "sctp"\nassociation = {{ {udp} }}'
    return lines


def _udp_ports(found: Mapping[str, Place]) -> dict[str, int]:
    """A free UDP port at each address."""
    ports = {}
    with ExitStack() as held:  # all open at once, so that no two are the same
        for name, place in found.items():
            probe = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            try:
                probe.bind((place.host, UDP_PORT))
            except OSError:
                probe.bind((place.host, 0))
            ports[name] = probe.getsockname()[1]
    return ports


def _certificates(folder: Path) -> None:
    from diameter.security.pki import Pki

    pki = Pki.init(folder, name="MTC demo CA", days=30)
    for name in ("scs", "mtc-iwf"):
        pki.issue(HOSTS[name], f"aaa://{HOSTS[name]}", days=30)


def _subscribers(path: Path, count: int) -> None:
    """Every device may be triggered by the SCS, and is served by the MME."""
    from nfs.common.database import database_url, open_engine
    from nfs.common.nodes import NodeKind, ServingNode
    from nfs.hss.logic import ExternalId, Service, Subscriber
    from nfs.hss.tables import save

    mme = ServingNode(kind=NodeKind.MME, number=NUMBERS["mme"], name=HOSTS["mme"], realm=REALM)
    engine = open_engine(database_url(path.name, path.parent), migrations="nfs.hss:migrations", name="hss")
    try:
        with engine.begin() as connection:
            for device in devices(count):
                subscriber = Subscriber(
                    imsi=device.imsi,
                    msisdn=device.msisdn,
                    external_ids=(ExternalId(identifier=device.external_id),),
                    services=frozenset({Service.DEVICE_TRIGGER}),
                    rights=frozenset({(NUMBERS["scs"], Service.DEVICE_TRIGGER)}),
                    nodes=(mme,),
                )
                save(connection, subscriber)
    finally:
        engine.dispose()
