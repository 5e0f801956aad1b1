"""The `[mo_sms]` table of an MTC-IWF: short messages that devices without an MSISDN send to SCSs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated

from pydantic import AfterValidator, Field

from diameter.config import Complaints, Identity, Table
from nfs.common.identities import e164
from nfs.mtc_iwf.mo_sms import Target
from nfs.mtc_sgw.scs_tables import ScsTable


def _destination(text: str) -> str:
    digits = text.removeprefix("+")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 20:
        raise ValueError("a short code or number of 1 to 20 digits expected")
    return digits


class MoScsTable(Table):
    """An SCS that takes short messages."""

    name: str = Field(description="the `name` of its [[scs]] table")
    realm: Identity = Field(description="its realm")
    destinations: tuple[Annotated[str, AfterValidator(_destination)], ...] = Field(
        strict=False, min_length=1, description="numbers and short codes that devices send to (TP-DA)"
    )


class MoSmsTable(Table):
    """What this MTC-IWF is called by SMS-SCs, and who takes messages."""

    number: Annotated[str, AfterValidator(lambda text: e164(text, "number"))] = Field(
        description="E.164 number of this MTC-IWF: the SC-Address that SMS-SCs send to"
    )
    at_once: int = Field(default=1000, ge=1, le=1_000_000, description="messages on their way; beyond it congestion")
    scs: tuple[MoScsTable, ...] = Field(default=(), strict=False, description="SCSs that take short messages")

    def check(self, names: Collection[str]) -> None:
        """Raise Complaints for an SCS that is not in `names`, and for an address of two SCSs."""
        seen: set[str] = set()
        wrong: list[tuple[str, str]] = []
        for at, table in enumerate(self.scs):
            if table.name not in names:
                wrong.append((f"mo_sms.scs.{at}.name", "no [[scs]] table has this name"))
            wrong += [
                (f"mo_sms.scs.{at}.destinations", f"{each} is of another SCS too")
                for each in table.destinations
                if each in seen
            ]
            seen.update(table.destinations)
        if wrong:
            raise Complaints(wrong)

    def targets(self, tables: Iterable[ScsTable]) -> dict[str, Target]:
        """The SCS behind each address.  tables: all `[[scs]]`, those of `check` among them."""
        named = {profile.name: profile for profile in map(ScsTable.profile, tables)}
        return {
            digits: Target(
                name=table.name,
                isdn=named[table.name].isdn,
                hosts=tuple(sorted(named[table.name].hosts)),
                realm=table.realm,
                domains=named[table.name].domains,
            )
            for table in self.scs
            for digits in table.destinations
        }
