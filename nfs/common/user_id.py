"""User-Identifier of S6m and S6n (TS 29.336 6.4.2), whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UserId:
    """A user by one identity or several, as far as they can be read.  In a question exactly one is set."""

    imsi: str | None = None
    msisdn: str | None = None
    external_id: str | None = None

    @property
    def count(self) -> int:
        """How many identities are set."""
        return sum(each is not None for each in (self.imsi, self.msisdn, self.external_id))
