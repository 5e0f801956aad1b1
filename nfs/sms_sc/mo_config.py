"""The `[[mo_sms]]` tables of an SMS-SC: which MTC-IWF takes the short messages of devices to which address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from diameter.config import Complaints
from diameter.config.base import Identity, Table
from nfs.common.identities import e164, plmn
from nfs.sms_sc.mo_sms import Route


def _destination(text: str) -> str:
    digits = text.removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        raise ValueError("a short code or number of 1 to 20 digits expected")
    return digits


Destination = Annotated[str, AfterValidator(_destination)]


class MoRouteTable(Table):
    """One MTC-IWF."""

    destinations: tuple[Destination, ...] = Field(
        strict=False, min_length=1, description="numbers and short codes of SCSs that it serves (TP-DA)"
    )
    host: Identity = Field(description="Origin-Host of the MTC-IWF")
    realm: Identity = Field(description="its realm")
    number: Annotated[str, AfterValidator(lambda text: e164(text, "number"))] = Field(
        description="E.164 number of the MTC-IWF, for SC-Address"
    )
    plmns: tuple[Annotated[str, AfterValidator(plmn)], ...] = Field(
        default=(), strict=False, description="MCC+MNC whose devices may use it; every one when empty"
    )


def routes(tables: Iterable[MoRouteTable]) -> dict[str, Route]:
    """Address to MTC-IWF.  Raises Complaints for an address in two tables."""
    found: dict[str, Route] = {}
    for at, table in enumerate(tables):
        for digits in table.destinations:
            if digits in found:
                raise Complaints([(f"mo_sms.{at}.destinations", f"{digits} is in another table too")])
            found[digits] = Route(host=table.host, realm=table.realm, number=table.number, plmns=frozenset(table.plmns))
    return found
