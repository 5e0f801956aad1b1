"""`[[sgw.device]]`: what the owners of devices want of triggers for them."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from diameter.config import Table
from nfs.mtc_sgw.logic import device_pattern
from nfs.mtc_sgw.scs_tables import scs_number
from nfs.mtc_sgw.unwanted import ANY, Wish

_HOURS: Final = re.compile(r"((?:[01][0-9]|2[0-3]):[0-5][0-9])-((?:[01][0-9]|2[0-3]):[0-5][0-9])")


def _blocked(text: str) -> str:
    return text if text == ANY else scs_number(text)


def _quiet(text: str) -> str:
    found = _HOURS.fullmatch(text)
    if found is None or found[1] == found[2]:
        raise ValueError("quiet hours: HH:MM-HH:MM in UTC, from and to not the same")
    return text


def _seconds(clock: str) -> int:
    return int(clock[:2]) * 3600 + int(clock[3:]) * 60


class WishTable(Table):
    """What the owner of some devices wants of triggers for them."""

    devices: tuple[str, ...] = Field(
        strict=False, min_length=1, description="External Identifiers or MSISDNs, with * and ? as in file names"
    )
    blocked: tuple[Annotated[str, AfterValidator(_blocked)], ...] = Field(
        default=(), strict=False, description='ISDN numbers of SCSs that must not reach them; "*": none may'
    )
    granted: tuple[Annotated[str, AfterValidator(scs_number)], ...] | None = Field(
        default=None,
        strict=False,
        description="ISDN numbers of the only SCSs that may; all that the HSS lets if not given",
    )
    quiet: tuple[Annotated[str, AfterValidator(_quiet)], ...] = Field(
        default=(), strict=False, description='times of the day in UTC without triggers: "22:00-06:00"'
    )
    per_hour: int | None = Field(default=None, ge=0, le=1000, description="triggers for one device in any hour")

    def wish(self) -> Wish:
        """The table as the check takes it."""
        return Wish(
            devices=tuple(map(device_pattern, self.devices)),
            blocked=frozenset(self.blocked),
            granted=None if self.granted is None else frozenset(self.granted),
            quiet=tuple((_seconds(each[:5]), _seconds(each[6:])) for each in self.quiet),
            per_hour=self.per_hour,
        )
