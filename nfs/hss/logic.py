"""What the HSS answers about a subscriber, without a word of Diameter (TS 29.336 clause 5.2.1.2).

Subscriber Information Retrieval: `inform` takes a question and the subscriber it names, and walks the checks in the
clause's order; the first that fails ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from diameter.errors import DiameterError
from nfs.common import identities
from nfs.common.identities import ExternalIdentifier, IdentityError
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.user_id import UserId as UserId


class Service(IntEnum):
    """Service-ID (TS 29.336 6.4.5)."""

    DEVICE_TRIGGER = 0
    SMS_MO = 1

    @property
    def label(self) -> str:
        """As provisioning files write it: "device-trigger", "sms-mo"."""
        return self.name.lower().replace("_", "-")


class Cause(IntFlag):
    """HSS-Cause (6.4.9): why there are no serving nodes in an answer that is a success."""

    NONE = 0
    ABSENT_SUBSCRIBER = 1
    TELESERVICE_NOT_PROVISIONED = 2
    CALL_BARRED = 4


class Error(IntEnum):
    """Experimental-Result-Code values of vendor 10415 (6.3.3; 5598 is named in 5.2.1.2 only)."""

    USER_UNKNOWN = 5001
    UNAUTHORIZED_REQUESTING_ENTITY = 5510
    UNAUTHORIZED_SERVICE = 5511
    MISSING_APPLICATION_DATA = 5598


class Refused(DiameterError):
    """The HSS refuses; `error` is the code of the answer."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.name)
        self.error = error


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalId:
    """One External Identifier of a subscriber; `port` is the application port whose MO-SMS it stands for."""

    identifier: str
    port: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "identifier", str(ExternalIdentifier.parse(self.identifier)))
        if self.port is not None and not 0 <= self.port <= 0xFFFF:
            raise IdentityError("application port: 0 to 65535 expected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """One subscription.  The first of `external_ids` is the default one (TS 23.682 4.6.2).

    `rights`: (E.164 number of an SCS, service) pairs, default deny.  `services`: what the subscription contains.
    `sms`: the SMS teleservice is provisioned.  `barred`: an active barring condition.  `profile`: the name of what it
    may do in EPS (`nfs.hss.profiles`), None for nothing: it cannot attach.
    """

    imsi: str
    msisdn: str | None = None
    external_ids: tuple[ExternalId, ...] = ()
    services: frozenset[Service] = frozenset()
    rights: frozenset[tuple[str, Service]] = frozenset()
    sms: bool = True
    barred: bool = False
    nodes: tuple[ServingNode, ...] = ()
    profile: str | None = None

    def __post_init__(self) -> None:
        identities.imsi(self.imsi)
        if self.msisdn is not None:
            object.__setattr__(self, "msisdn", identities.e164(self.msisdn))
        rights = frozenset((identities.e164(scs, "SCS"), service) for scs, service in self.rights)
        object.__setattr__(self, "rights", rights)
        kinds = [node.kind for node in self.nodes]
        if len(set(kinds)) < len(kinds):
            raise IdentityError("serving nodes: one of a kind at most")
        identifiers = [each.identifier for each in self.external_ids]
        if len(set(identifiers)) < len(identifiers):
            raise IdentityError("External-Identifier: named twice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A Subscriber-Information-Request (5.2.1.1).

    `from_iwf`: bit 0 of SIR-Flags, True on S6m and False on S6n.  `service` may be a number nobody knows.
    """

    user: UserId
    from_iwf: bool
    service: int | None = None
    scs: str | None = None
    priority: bool = False
    port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """What a successful answer says.  `cause` is None where there is no Service-Data at all.

    `nodes`: the one to prefer first.
    """

    users: tuple[UserId, ...]
    cause: Cause | None = None
    nodes: tuple[ServingNode, ...] = field(default=())


def inform(question: Question, subscriber: Subscriber | None, *, every_name: bool = False) -> Information:
    """Answer `question` about `subscriber` (None: nobody has the identity).  Raises Refused.  TS 29.336 5.2.1.2.

    every_name: of a trigger say also each External Identifier, one a user, behind the user that the clause asks for.
    """
    if subscriber is None:
        raise Refused(Error.USER_UNKNOWN)
    if not question.from_iwf:
        return _for_aaa(question, subscriber)
    if not _entitled(question, subscriber):
        raise Refused(Error.UNAUTHORIZED_REQUESTING_ENTITY)
    if question.service is not None and question.service not in subscriber.services:
        raise Refused(Error.UNAUTHORIZED_SERVICE)
    if question.service == Service.SMS_MO:
        return _for_mo_sms(question, subscriber)
    user = UserId(imsi=subscriber.imsi, msisdn=subscriber.msisdn)
    if question.service is None:
        return Information(users=(user,))
    cause = _cause(question, subscriber)
    names = tuple(UserId(external_id=each.identifier) for each in subscriber.external_ids) if every_name else ()
    return Information(users=(user, *names), cause=cause, nodes=() if cause else _nodes(question, subscriber))


def _entitled(question: Question, subscriber: Subscriber) -> bool:
    """Step 2: the SCS has the right to this service for this user; without a service, to any."""
    return any(
        scs == question.scs and (question.service is None or service == question.service)
        for scs, service in subscriber.rights
    )


def _for_aaa(question: Question, subscriber: Subscriber) -> Information:
    """S6n: every External Identifier and the MSISDN, one a user; the IMSI when there is neither.  Needs an IMSI."""
    if question.user.imsi is None:
        raise Refused(Error.USER_UNKNOWN)
    users = [UserId(external_id=each.identifier) for each in subscriber.external_ids]
    if subscriber.msisdn is not None:
        users.append(UserId(msisdn=subscriber.msisdn))
    return Information(users=tuple(users) or (UserId(imsi=subscriber.imsi),))


def _for_mo_sms(question: Question, subscriber: Subscriber) -> Information:
    """Step 5: the External Identifier that stands for this IMSI and application port."""
    if question.user.imsi is None or question.port is None:
        raise Refused(Error.MISSING_APPLICATION_DATA)
    for each in subscriber.external_ids:
        if each.port == question.port:
            return Information(users=(UserId(external_id=each.identifier),))
    raise Refused(Error.UNAUTHORIZED_SERVICE)  # the clause is silent; the subscription has no application on this port


def _cause(question: Question, subscriber: Subscriber) -> Cause:
    """Step 4 b and c."""
    cause = Cause.NONE
    if not _nodes(question, subscriber):
        cause |= Cause.ABSENT_SUBSCRIBER
    if not subscriber.sms:
        cause |= Cause.TELESERVICE_NOT_PROVISIONED
    if subscriber.barred:
        cause |= Cause.CALL_BARRED
    return cause


def _nodes(question: Question, subscriber: Subscriber) -> tuple[ServingNode, ...]:
    """Step 4 d: IP-SM-GW, then MME or MSC, then SGSN; the unreachable ones for a priority trigger only.

    The IP-SM-GW leads because Additional-Serving-Node has no place for one (6.4.13).
    """
    usable = {node.kind: node for node in subscriber.nodes if node.reachable or question.priority}
    order = (NodeKind.IP_SM_GW, NodeKind.MME if NodeKind.MME in usable else NodeKind.MSC, NodeKind.SGSN)
    return tuple(usable[kind] for kind in order if kind in usable)
