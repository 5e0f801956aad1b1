"""The lab of `mtc demo`: who is who, certificates, subscribers and configurations."""

from __future__ import annotations

import os
from collections.abc import Iterator
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


def make(folder: Path, count: int) -> str:
    """Fill `folder` with all that the processes need; the token that the SCS asks for.  Raises LocalError."""
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
    for name, place in places(wanted()).items():
        key = "iwf" if name == "mtc-iwf" else name.replace("-", "_")
        values |= {f"{key}_host": HOSTS[name], f"{key}_address": place.host, f"{key}_port": place.port}
    for name, number in NUMBERS.items():
        values[f"{name.replace('-', '_')}_number"] = number
    write_configs(folder, values, FUNCTIONS)
    return write_token(folder / "scs.token")


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
