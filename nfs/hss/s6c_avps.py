"""What S6c's AVPs mean to the HSS, and back (TS 29.338 clause 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from diameter import Message, ResultCode
from diameter.errors import ApplicationFault
from nfs.common.identities import IdentityError, decode_number, encode_number, imsi
from nfs.common.nodes import NodeKind, to_avps
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.waiting import Attempted, Cause, Centre, Refused, Routing, RoutingQuestion, Status

GPRS_INDICATOR, RP_PRI, SINGLE_ATTEMPT = 1, 2, 4  # SRR-Flags
_KINDS: Final[Mapping[str, NodeKind]] = {
    "MME-SM-Delivery-Outcome": NodeKind.MME,
    "MSC-SM-Delivery-Outcome": NodeKind.MSC,
    "SGSN-SM-Delivery-Outcome": NodeKind.SGSN,
    "IP-SM-GW-SM-Delivery-Outcome": NodeKind.IP_SM_GW,
    "SMSF-3GPP-SM-Delivery-Outcome": NodeKind.SMSF_3GPP,
    "SMSF-Non-3GPP-SM-Delivery-Outcome": NodeKind.SMSF_NON_3GPP,
}


def named(request: Message) -> str:
    """The identity that a request names, as far as it is one, for the audit log."""
    try:
        found = user(request)
    except (IdentityError, ApplicationFault):
        return ""
    return found.imsi or found.msisdn or ""


def user(request: Message) -> UserId:
    """The user by one identity.  Raises IdentityError for what is none, ApplicationFault where there is none."""
    group = request if "User-Identifier" not in request else request.group("User-Identifier")
    if "User-Name" in group:
        return UserId(imsi=imsi(group.text("User-Name")))
    if "MSISDN" in group:
        return UserId(msisdn=decode_number(group.raw("MSISDN")))
    raise ApplicationFault(ResultCode.MISSING_AVP, "User-Name or MSISDN expected")


def centre(request: Message) -> Centre:
    """The centre that asks.  Raises ApplicationFault for an SC-Address that is no number."""
    try:
        address = decode_number(request.raw("SC-Address"), "SC-Address")
    except IdentityError as wrong:
        raise ApplicationFault(ResultCode.INVALID_AVP_VALUE, str(wrong)) from None
    return Centre(address=address, host=request.text("Origin-Host"), realm=request.text("Origin-Realm"))


def question(request: Message) -> RoutingQuestion:
    """A Send-Routing-Info-for-SM-Request as a question.  Raises IdentityError and ApplicationFault."""
    flags = request.get("SRR-Flags", 0)
    return RoutingQuestion(
        user=user(request),
        centre=centre(request) if "SC-Address" in request else None,
        both=bool(flags & GPRS_INDICATOR),
        priority=bool(flags & RP_PRI),
        once=bool(flags & SINGLE_ATTEMPT),
        imsi_only="SM-Delivery-Not-Intended" in request,
    )


def attempts(request: Message) -> tuple[Attempted, ...]:
    """The outcomes of an RDR.  Raises ApplicationFault for none, for one without cause, and for MME beside MSC."""
    outcome = request.group("SM-Delivery-Outcome")
    found = []
    for name, kind in _KINDS.items():
        if name not in outcome:
            continue
        cause = outcome.group(name).get("SM-Delivery-Cause")
        if cause not in tuple(Cause):
            raise ApplicationFault(ResultCode.INVALID_AVP_VALUE, f"{name}: SM-Delivery-Cause 0, 1 or 2 expected")
        diagnostic = outcome.group(name).get("Absent-User-Diagnostic-SM")
        found.append(Attempted(kind=kind, cause=Cause(cause), diagnostic=diagnostic))
    kinds = {each.kind for each in found}
    if not found:
        raise ApplicationFault(ResultCode.MISSING_AVP, "SM-Delivery-Outcome: the outcome of one serving node expected")
    if {NodeKind.MME, NodeKind.MSC} <= kinds:
        raise ApplicationFault(ResultCode.CONTRADICTING_AVPS, "outcomes of an MME and of an MSC together")
    return tuple(found)


def identity(subscriber: Subscriber) -> dict[str, Any]:
    """The members of a User-Identifier that names a subscriber."""
    avps: dict[str, Any] = {"User-Name": subscriber.imsi}
    if subscriber.msisdn is not None:
        avps["MSISDN"] = encode_number(subscriber.msisdn)
    return avps


def routing(routing: Routing) -> dict[str, Any]:
    """What a successful answer says."""
    avps: dict[str, Any] = {"User-Name": routing.subscriber.imsi}
    for name, node in zip(("Serving-Node", "Additional-Serving-Node"), routing.nodes, strict=False):
        avps[name] = to_avps(node)
    if routing.status:
        avps["MWD-Status"] = int(routing.status)
    return avps


def absence(refused: Refused) -> dict[str, Any]:
    """What an answer with ABSENT_USER says besides."""
    waiting = refused.waiting
    if waiting is None:
        return {}
    avps: dict[str, Any] = {"MWD-Status": int(refused.status)}
    if refused.status & Status.MNRF and waiting.mme_diagnostic is not None:
        avps["MME-Absent-User-Diagnostic-SM"] = waiting.mme_diagnostic
    if refused.status & Status.MNRG and waiting.sgsn_diagnostic is not None:
        avps["SGSN-Absent-User-Diagnostic-SM"] = waiting.sgsn_diagnostic
    return avps
