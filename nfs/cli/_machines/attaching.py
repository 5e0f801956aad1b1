"""The devices of a lab whose SMS-SCs ask the HSS: they attach, so that the HSS knows where they are and hears of them.

An MME tells the HSS of a device that is back (NOR) only where it has registered it (ULR), and only then the HSS alerts
who waits (ALR).  So each device has a USIM, whose keys are drawn for the lab, and a scenario has all of them attach.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nfs.cli._machines.config import LabTable

CARDS: Final = "usims.csv"
SCENARIO: Final = "scenario.toml"
KEY: Final = "hss.key"
PROFILE: Final = "device"
POPULATION: Final = "devices"
A_SECOND: Final = 100
"""Devices that attach in a second."""
LEAST_S: Final = 10.0
"""Between two tracking area updates, which are new tries of whoever could not attach."""


def imsis(lab: LabTable) -> Iterator[str]:
    """Those of the devices."""
    return (f"{lab.plmn}{number:0{15 - len(lab.plmn)}}" for number in range(1, lab.devices + 1))


def of_hss(lab: LabTable) -> dict[str, Any]:
    """What an HSS has besides for them."""
    return {"profile": [{"name": PROFILE, "apn": [{"name": f"iot.{lab.realm}"}]}]}


def of_mme(hss: str) -> dict[str, Mapping[str, Any]]:
    """What the MME has.  hss: realm."""
    return {"mme": {"cards": CARDS, "scenario": SCENARIO}, "hss": {"realm": hss}}


def scenario(lab: LabTable) -> dict[str, Any]:
    """All attach, and try again until they are."""
    spread = {"uniform": [0.0, lab.devices / A_SECOND]}
    population = {"name": POPULATION, "first_imsi": next(imsis(lab)), "count": lab.devices, "report": False}
    every_s = max(LEAST_S, 10 * lab.devices / A_SECOND)
    again = {"do": "tau", "at_s": every_s, "every_s": every_s, "spread": spread}
    return {"schema": 1, "population": [population | {"attach": spread}], "event": [again]}


def keys(lab: LabTable) -> dict[str, tuple[str, str]]:
    """K and OPc of each device, by IMSI."""
    return {imsi: (secrets.token_hex(16), secrets.token_hex(16)) for imsi in imsis(lab)}


def cards(found: Mapping[str, tuple[str, str]]) -> str:
    """The USIMs, as the MME reads them."""
    return "".join(
        f"{','.join(row)}\n" for row in [("imsi", "k", "opc"), *((imsi, *pair) for imsi, pair in found.items())]
    )
