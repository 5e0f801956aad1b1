"""Who may attach, from where and over what; who is cancelled then (TS 29.272 5.2.1), decided without an AVP."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final, Literal, NamedTuple, Protocol

from diameter.errors import DiameterError
from nfs.hss.logic import Subscriber
from nfs.hss.registrations import Kind, Registration

Rat = Literal["utran", "geran", "gan", "hspa-evolution", "eutran", "nb-iot", "lte-m"]


class Access(NamedTuple):
    """A radio access: its name in configurations, and its bit in Access-Restriction-Data (7.3.31)."""

    name: Rat
    bit: int


ACCESS: Final[Mapping[int, Access]] = {
    1000: Access("utran", 0),
    1001: Access("geran", 1),
    1002: Access("gan", 2),
    1003: Access("hspa-evolution", 3),
    1004: Access("eutran", 4),
    1005: Access("nb-iot", 6),
    1007: Access("lte-m", 11),
}
"""By RAT-Type (TS 29.212 5.3.31); what is not in here nobody restricts."""


class Error(IntEnum):
    """Experimental-Result-Code values of vendor 10415 (7.4.3, 7.4.4)."""

    AUTHENTICATION_DATA_UNAVAILABLE = 4181
    USER_UNKNOWN = 5001
    ROAMING_NOT_ALLOWED = 5004
    UNKNOWN_EPS_SUBSCRIPTION = 5420
    RAT_NOT_ALLOWED = 5421
    UNKNOWN_SERVING_NODE = 5423


class Diagnostic(IntEnum):
    """Error-Diagnostic (7.3.128)."""

    NO_GPRS_DATA_SUBSCRIBED = 1
    ODB_ALL_APN = 2


class Cancellation(IntEnum):
    """Cancellation-Type (7.3.24)."""

    MME_UPDATE_PROCEDURE = 0
    SGSN_UPDATE_PROCEDURE = 1
    SUBSCRIPTION_WITHDRAWAL = 2
    INITIAL_ATTACH_PROCEDURE = 4


ODB_ALL_APN: Final = 1
"""Bit 0 of Feature-List 1: the node enforces a barring of all packet services itself."""


class Refused(DiameterError):
    """The HSS refuses; `error` is the code of the answer, `why` is for the audit log."""

    def __init__(self, error: Error, why: str, diagnostic: Diagnostic | None = None) -> None:
        super().__init__(error.name)
        self.error = error
        self.why = why
        self.diagnostic = diagnostic


class Profile(Protocol):
    """What is asked of a profile here."""

    @property
    def plmns(self) -> tuple[str, ...]: ...

    @property
    def rats(self) -> tuple[Rat, ...]: ...


def subscribed(subscriber: Subscriber | None) -> Subscriber:
    """The subscriber, if it has anything in EPS.  Raises Refused."""
    if subscriber is None:
        raise Refused(Error.USER_UNKNOWN, "no such subscriber")
    in_eps(subscriber.profile)
    return subscriber


def in_eps(profile: str | None) -> str:
    """The name of a subscriber's profile, if it has one.  Raises Refused."""
    if profile is None:
        raise Refused(Error.UNKNOWN_EPS_SUBSCRIPTION, "no profile", Diagnostic.NO_GPRS_DATA_SUBSCRIBED)
    return profile


def may_visit(profile: Profile, plmn: str) -> None:
    """Whether subscribers of a profile are let into a network.  Raises Refused."""
    if profile.plmns and plmn not in profile.plmns:
        raise Refused(Error.ROAMING_NOT_ALLOWED, f"network {plmn}")


def may_attach(profile: Profile, subscriber: Subscriber, *, plmn: str, rat: int, features: int) -> None:
    """Whether a location is taken (5.2.1.1.3).  `features`: Feature-List 1 of the node.  Raises Refused."""
    may_visit(profile, plmn)
    access = ACCESS.get(rat)
    if profile.rats and access is not None and access.name not in profile.rats:
        raise Refused(Error.RAT_NOT_ALLOWED, f"RAT {access.name}")
    if subscriber.barred and not features & ODB_ALL_APN:
        raise Refused(Error.ROAMING_NOT_ALLOWED, "barred, and the node cannot enforce it", Diagnostic.ODB_ALL_APN)


def cancelled(
    before: Mapping[Kind, Registration], new: Registration, *, single: bool, initial: bool, said: bool = True
) -> list[tuple[Registration, Cancellation]]:
    """Who else has to let go of a subscriber that registers, and why.

    `single`: Single-Registration-Indication; `initial`: Initial-Attach-Indicator, of ULR-Flags.
    `said`: an initial attach is the reason then; when not, the same nodes hear that the subscriber has moved.
    """
    found = []
    attach = initial and said
    same = before.get(new.kind)
    if same is not None and not same.purged and same.host != new.host:
        update = Cancellation.MME_UPDATE_PROCEDURE if new.kind == "mme" else Cancellation.SGSN_UPDATE_PROCEDURE
        found.append((same, Cancellation.INITIAL_ATTACH_PROCEDURE if attach else update))
    sgsn = before.get("sgsn")
    if new.kind == "mme" and (single or initial) and sgsn is not None and not sgsn.purged and sgsn.host != new.host:
        why = Cancellation.INITIAL_ATTACH_PROCEDURE if attach else Cancellation.SGSN_UPDATE_PROCEDURE
        found.append((sgsn, why))
    return found


def registered_at(before: Mapping[Kind, Registration], host: str) -> Registration:
    """The registration that a node speaks of.  Raises Refused when it is not the registered one (7.4.3.6)."""
    for each in before.values():
        if each.host.lower() == host.lower():
            return each
    raise Refused(Error.UNKNOWN_SERVING_NODE, f"{host} is not where it is registered")
