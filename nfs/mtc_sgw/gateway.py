"""The gateway as a screen of a node: what comes from outside is checked here before any application sees it.

Default deny: from a peer that is not of the core nothing gets through but a Device-Action-Request on Tsp that passes
every check.  A refused one is answered with what Tsp has for it, is written to the audit log, and reaches nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from diameter import ApplicationFault, Message, ResultCode
from diameter.app import Neighbour, Screen
from diameter.message import Grouped
from diameter.security.link import LinkSecurity
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.groups import TYPE
from nfs.common.identities import IdentityError, decode_number
from nfs.mtc_sgw import (
    command_rights,
    completeness,
    external_identifier,
    group,
    inbound_imsi,
    outbound_imsi,
    peer_identity,
    scs_identity,
    topology,
)
from nfs.mtc_sgw.logic import Check, Offer, Profiles, Refuse, plain, run
from nfs.mtc_sgw.outbound import Outbound
from nfs.mtc_sgw.walk import bearing

CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    ("peer-identity", peer_identity.check),
    ("command-rights", command_rights.check),
    ("group", group.check),
    ("completeness", completeness.check),
    ("inbound-imsi", inbound_imsi.check),
    ("external-identifier", external_identifier.check),
    ("scs-identity", scs_identity.check),
)
"""In this order, cheapest first; the association of SCS and device is asked of the HSS by whoever stands behind."""


class Gateway(Screen):
    """The MTC Security GW in front of the applications of one node.

    core: Origin-Hosts inside the operator's domain, lower case, that speak the core's own applications with this node.
    home_plmns: MCC+MNC whose IMSIs must not cross.  `profiles` and `checks` may be replaced while
    running.
    clock: seconds since 1970.  identity: Origin-Host and Origin-Realm of the node, under which the inside is hidden.
    hidden: more names of the inside than those of `core`.
    never_outside: words that no message to the outside may hold, Local Group Ids for one.  `addresses`: where the link
    of each peer whose request passed last came from.
    """

    def __init__(
        self,
        profiles: Profiles,
        audit: AuditLog,
        *,
        core: frozenset[str],
        home_plmns: frozenset[str],
        fifteen_digits: bool = False,
        checks: tuple[tuple[str, Check], ...] = CHECKS,
        clock: Callable[[], float] = time.time,
        identity: tuple[str, str] = ("", ""),
        never_outside: Iterable[str] = (),
        hidden: Iterable[str] = (),
    ) -> None:
        self.profiles = profiles
        self.core = core
        self.home_plmns = home_plmns
        self.fifteen_digits = fifteen_digits
        self.passed = 0
        self.addresses: dict[str, str] = {}
        self._audit = audit
        self.checks = checks
        self._clock = clock
        self.host, self.realm = identity
        self._inner = frozenset(each.lower().encode() for each in (*core, *hidden) if each not in self.host.lower())
        self._outbound = Outbound()
        self.keep_inside(never_outside)

    def keep_inside(self, words: Iterable[str]) -> None:
        """From now on, let no message with one of these words out, nor with the name of a core node."""
        self._words = self._inner | {word.lower().encode() for word in words}

    def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Let a request through to its handler, or give the fault that answers it."""
        peer = plain(neighbour.host)
        if message.application != "Tsp":
            return message if peer in self.core else self._not_for_outside(message, peer)
        offer = self.offer(message, neighbour)
        refused = run(offer, self.checks)
        if refused is None:
            self.passed += 1
            self.addresses[offer.origin] = neighbour.remote
            return message
        check, refuse = refused
        fault = _fault(message, refuse, echo=inbound_imsi.check(offer) is None)
        self._audit.refuse(
            Refusal(
                check=check,
                stage=refuse.stage,
                area=Area.B1,
                peer=peer,
                address=neighbour.remote,
                origin=offer.origin,
                command=message.command,
                target=offer.external_identifier or offer.msisdn or "",
                profile=offer.profile.name if offer.profile else "",
                reference=_device_action(message, "Reference-Number"),
                result=refuse.status.name if refuse.status is not None else str(refuse.result),
                reason=refuse.reason,
            )
        )
        return fault

    def outbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Hide the inside, and hold back what would carry something private out, with an alarm: it is our own fault."""
        peer = plain(neighbour.host)
        return message if peer in self.core else self.to_outside(message, peer)

    def to_outside(self, message: Message, peer: str, made: str = "") -> Message | ApplicationFault:
        """As `outbound`, to a peer that is not of the core.  made: an AVP that we have written, which is not read."""
        if self.host:
            message = topology.hide(message, host=self.host, realm=self.realm, words=self._inner)
        found = self._outbound.check(message, self.home_plmns, self._words, made)
        if found is None:
            return message
        check, reason = found
        self._audit.refuse(
            Refusal(
                check=check,
                stage=Stage.AUTHORISATION,
                area=Area.B1,
                peer=peer,
                command=message.command,
                result="held back",
                reason=reason,
                alarm=True,
            )
        )
        return ApplicationFault(ResultCode.UNABLE_TO_COMPLY, "held back by the security gateway")

    def offer(self, message: Message, neighbour: Neighbour) -> Offer:
        """What the checks look at."""
        action = message.get("Device-Action")
        security = neighbour.security
        origin = plain(str(message.get("Origin-Host", "")))
        return Offer(
            peer=plain(neighbour.host),
            origin=origin,
            profile=self.profiles.named(origin),
            proven=security.peer_names if neighbour.secure and isinstance(security, LinkSecurity) else None,
            action=_device_action(message, "Action-Type"),
            external_identifier=None if action is None else action.get("External-Identifier"),
            msisdn=None if action is None else _digits(action, "MSISDN"),
            identifier_type=_device_action(message, TYPE),
            scs_identity=None if action is None else _digits(action, "SCS-Identity"),
            imsi_avps=tuple(bearing(message, outbound_imsi.IMSI_BEARING)),
            home_plmns=self.home_plmns,
            fifteen_digits=self.fifteen_digits,
            session_id=str(message.get("Session-Id", "")),
            now=self._clock(),
            route=_route(message) if "Route-Record" in message else (),
        )

    def _not_for_outside(self, message: Message, peer: str) -> ApplicationFault:
        self._audit.refuse(
            Refusal(
                check="application",
                stage=Stage.AUTHORISATION,
                area=Area.B1,
                peer=peer,
                command=message.command,
                result=str(int(ResultCode.AUTHORIZATION_REJECTED)),
                reason=f"{message.application} is spoken with the core only",
            )
        )
        return ApplicationFault(ResultCode.AUTHORIZATION_REJECTED)


def _fault(message: Message, refuse: Refuse, *, echo: bool) -> ApplicationFault:
    """The answer: Device-Notification repeats the request where there is one to repeat."""
    avps: dict[str, Any] = {}
    action = message.get("Device-Action")
    if action is not None:
        names = ("External-Identifier", TYPE, "MSISDN", "SCS-Identity") if echo else ("SCS-Identity",)
        notification = {name: action[name] for name in (*names, "Reference-Number", "Action-Type") if name in action}
        if refuse.status is not None:
            notification["Request-Status"] = int(refuse.status)
        avps["Device-Notification"] = notification
    if refuse.failed:
        inside = () if refuse.failed == "Device-Action" else ("Device-Action",)
        avps["Failed-AVP"] = message.quote(*inside, refuse.failed)
    return ApplicationFault(refuse.result, refuse.reason, avps=avps)


def _route(message: Message) -> tuple[str, ...]:
    return tuple(plain(avp.data.decode("utf-8", "replace")) for avp in message.avps if avp.name == "Route-Record")


def _device_action(message: Message, name: str) -> int | None:
    action = message.get("Device-Action")
    return None if action is None else action.get(name)


def _digits(group: Grouped, name: str) -> str | None:
    """The digits of a TBCD number, "" when it makes none, None when absent."""
    if name not in group:
        return None
    try:
        return decode_number(group.raw(name), name)
    except IdentityError:
        return ""
