"""The file of a lab: machines with their functions, the links between them, and the database that they share."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, Table, load
from nfs.common.identities import plmn

Kind = Literal["relay", "mtc-iwf", "hss", "sms-sc", "mme", "scs"]
KINDS: Final[tuple[Kind, ...]] = ("relay", "hss", "mme", "sms-sc", "mtc-iwf", "scs")
"""In the order in which they are started."""
DATABASE: Final = "database"
_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,11}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("a name of at most 12 small letters and digits, a letter first")
    if text == DATABASE:
        raise ValueError(f"{DATABASE} is the name of the database")
    return text


def _network(text: str) -> str:
    found = ipaddress.IPv4Network(text)
    if found.prefixlen > 28 or found.prefixlen < 16:
        raise ValueError("a network between /16 and /28")
    return text


Name = Annotated[str, AfterValidator(_name)]


class LinkProperties(Table):
    """How packets travel."""

    delay_ms: float = Field(default=0, ge=0, le=10_000, description="one way")
    jitter_ms: float = Field(default=0, ge=0, le=10_000, description="added at random, up to this")
    loss: float = Field(default=0, ge=0, le=0.5, description="share of the packets that get lost, 0.01 is one in 100")

    @property
    def plain(self) -> bool:
        """Whether there is nothing to it."""
        return not (self.delay_ms or self.jitter_ms or self.loss)


class LabTable(LinkProperties):
    """The `[lab]` table; delay, jitter and loss are those of links that no `[[link]]` names."""

    folder: Path | None = Field(
        default=None, strict=False, description="where logs, configurations and keys go; NAME.lab beside the file"
    )
    network: Literal["auto", "namespaces", "loopback"] = Field(
        default="auto", description="a namespace for each machine, which only root may make, or addresses on loopback"
    )
    addresses: Annotated[str, AfterValidator(_network)] = Field(
        default="10.77.1.0/24", description="addresses of the machines; on loopback 127 takes the place of the first"
    )
    realm: Identity = Field(default="operator.example", description="realm of the operator")
    customer: Identity = Field(default="customer.example", description="realm of the SCSs")
    plmn: Annotated[str, AfterValidator(plmn)] = Field(default="00101", description="MCC and MNC of the devices")
    s6c: bool = Field(
        default=False,
        description="devices attach; SMS-SCs ask the HSS where a device is, and are alerted when an absent one is back",
    )
    devices: int = Field(default=100, ge=1, le=100_000, description="devices, each of which the SCSs may trigger")


class DatabaseTable(Table):
    """The `[database]` table: a PostgreSQL of the lab's own on a machine, or one that is there."""

    machine: str | None = Field(default=None, description="machine on which the lab starts one")
    url: str | None = Field(default=None, description="one that is there, empty: postgresql://...")
    settings: dict[str, str] = Field(default={}, description="settings of the one that is started")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.machine is None) == (self.url is None):
            raise ValueError("machine or url expected")
        if self.url is not None and not self.url.startswith("postgresql"):
            raise Complaints([("url", "postgresql://... expected: several machines share it")])
        if self.settings and self.machine is None:
            raise Complaints([("settings", "only for a database that the lab starts")])
        return self


class PkiTable(Table):
    """The `[pki]` table: certificates of the links between SCS and MTC-IWF."""

    folder: Path | None = Field(
        default=None, strict=False, description="a PKI made by `mtc pki init`; one of the lab's own when not given"
    )
    days: int = Field(default=30, ge=1, le=3650, description="validity of the certificates issued")


class MachineTable(Table):
    """One `[[machine]]`: its functions are named FUNCTION-MACHINE."""

    name: Name = Field(description="its name")
    functions: tuple[Kind, ...] = Field(default=(), strict=False, description=f"of {', '.join(KINDS)}")


class LinkTable(LinkProperties):
    """One `[[link]]` between two machines."""

    between: tuple[str, str] = Field(strict=False, description="names of the two machines")


class LabConfig(Table):
    """The whole file."""

    lab: LabTable = Field(default=LabTable(), description="names, numbers and addresses")
    database: DatabaseTable = Field(description="the database that the functions share")
    pki: PkiTable = Field(default=PkiTable(), description="certificates")
    machine: tuple[MachineTable, ...] = Field(strict=False, min_length=1, description="the machines")
    link: tuple[LinkTable, ...] = Field(default=(), strict=False, description="links with delay or loss of their own")
    settings: dict[Kind, dict[str, Any]] = Field(
        default={}, description="by function: tables laid over the configuration of each"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if wrong := [*self._machines_fit(), *self._links_fit()]:
            raise Complaints(wrong)
        return self

    def _machines_fit(self) -> Iterator[tuple[str, str]]:
        names: set[str] = set()
        for at, machine in enumerate(self.machine):
            if machine.name in names:
                yield f"machine.{at}.name", f"{machine.name} is there already"
            names.add(machine.name)
            for kind in dict.fromkeys(machine.functions):
                if machine.functions.count(kind) > 1:
                    yield f"machine.{at}.functions", f"{kind} once a machine"
        for kind in KINDS:
            count = sum(kind in machine.functions for machine in self.machine)
            if not count or (kind == "mme" and count > 1):
                yield "machine", f"{kind}: {'one' if kind == 'mme' else 'at least one'} expected, {count} found"
        if len(self.machine) > ipaddress.IPv4Network(self.lab.addresses).num_addresses - 3:
            yield "lab.addresses", f"too few for {len(self.machine)} machines"
        if self.database.machine is not None and self.database.machine not in names:
            yield "database.machine", f"no machine {self.database.machine}"

    def _links_fit(self) -> Iterator[tuple[str, str]]:
        names = {machine.name for machine in self.machine}
        seen: set[frozenset[str]] = set()
        for at, link in enumerate(self.link):
            for name in link.between:
                if name not in names:
                    yield f"link.{at}.between", f"no machine {name}"
            if link.between[0] == link.between[1]:
                yield f"link.{at}.between", "two machines expected"
            if frozenset(link.between) in seen:
                yield f"link.{at}.between", "this link is there already"
            seen.add(frozenset(link.between))

    @property
    def names(self) -> tuple[str, ...]:
        """The machines."""
        return tuple(machine.name for machine in self.machine)

    def instances(self, *kinds: Kind) -> list[tuple[Kind, str]]:
        """(Function, machine) of each process, in the order in which they are started; of these kinds only."""
        return [
            (kind, machine.name)
            for kind in kinds or KINDS
            for machine in self.machine
            if kind in machine.functions
        ]  # fmt: skip

    def addresses(self, *, loopback: bool) -> dict[str, str]:
        """The address of each machine."""
        network = ipaddress.IPv4Network(self.lab.addresses)
        first = int(network.network_address) + 10 if network.num_addresses > 32 else int(network.network_address) + 1
        found = {}
        for at, name in enumerate(self.names):
            octets = (first + at).to_bytes(4, "big")
            found[name] = str(ipaddress.IPv4Address(b"\x7f" + octets[1:] if loopback else octets))
        return found

    def between(self, one: str, other: str) -> LinkProperties:
        """What the link between two machines is like."""
        for link in self.link:
            if {one, other} == set(link.between):
                return link
        return self.lab


def folder_of(path: Path, config: LabConfig) -> Path:
    """The folder of a lab, from the file and what stands in it."""
    return path.resolve().parent / (config.lab.folder or f"{path.stem}.lab")


def read(path: Path) -> LabConfig:
    """A lab's file.  Raises ConfigError with a line for each mistake."""
    return load(path, LabConfig)
