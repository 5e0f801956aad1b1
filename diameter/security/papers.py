"""What of the files in force runs out some day, and from when on somebody should be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from diameter.security import certificate as profile

if TYPE_CHECKING:
    from diameter.security.tls import TlsContext

PART: Final = 3
"""Nobody is told before this part of the lifetime is left: a revocation list that lives for a day is renewed daily."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One of them.  `kind`: "certificate" (our own), "issuer" (of our chain), "trust" or "crl"; `name`: its subject, of
    a revocation list its issuer.
    """

    kind: str
    name: str
    not_before: datetime
    not_after: datetime

    def left_s(self, now: datetime) -> float:
        """Seconds that it is still good for; negative when it has run out."""
        return (self.not_after - now).total_seconds()

    def warn_s(self, days: int) -> float:
        """How many seconds before its end somebody should know: `days`, but at most a third of its lifetime."""
        life_s = (self.not_after - self.not_before).total_seconds()
        return min(timedelta(days=days).total_seconds(), life_s / PART)

    def said(self, now: datetime) -> str:
        """When it runs out or ran out, for people: "expires on 2030-01-31, in 12 days"."""
        days = self.left_s(now) / 86400
        if days <= 0:
            return f"expired on {self.not_after:%F}"
        return (
            f"expires on {self.not_after:%F}, in {days:.0f} days"
            if days >= 2
            else f"expires at {self.not_after:%FT%H:%MZ}"
        )


def papers(context: TlsContext) -> tuple[Paper, ...]:
    """Everything in a context that has an end, our own certificate first."""
    leaf, *issuers = context.chain
    rows = [("certificate", leaf), *(("issuer", one) for one in issuers), *(("trust", one) for one in context.trusted)]
    found = []
    for kind, one in rows:
        begin, end = profile.lifetime(one)
        name = profile.name_of(lambda one=one: one.subject)  # type: ignore[misc]  # mypy cannot infer it
        found.append(Paper(kind=kind, name=name, not_before=begin, not_after=end))
    for crl in context.crls:
        if crl.next_update_utc is not None:
            name = profile.name_of(lambda crl=crl: crl.issuer)  # type: ignore[misc]
            found.append(Paper(kind="crl", name=name, not_before=crl.last_update_utc, not_after=crl.next_update_utc))
    return tuple(found)


def utc(seconds: float) -> datetime:
    """A moment from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)
