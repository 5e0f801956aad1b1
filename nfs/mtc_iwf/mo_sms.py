"""Short messages from devices without an MSISDN, at the MTC-IWF (TS 29.368 5.9; TS 23.682 5.15; TS 29.336 5.2.1).

The SMS-SC brings the message with the IMSI; the address it goes to names the SCS, the application port and the IMSI
name the device for the outside, which the HSS knows.  The content is not looked into and nothing is stored: the answer
to the SMS-SC says whether the SCS has the message.

Whom it asks stands behind the two protocols; nothing of Diameter is in here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from diameter.errors import ResultCode
from nfs.common.identities import ExternalIdentifier, IdentityError
from nfs.common.sm_failure import FACILITY_NOT_SUPPORTED, TGPP, FailureCause, Verdict, failure
from nfs.common.sms import MAX_TPDU, decode_submit
from nfs.common.sms_layout import TpduError
from nfs.mtc_iwf.ports import HssRefused, Unavailable
from nfs.mtc_iwf.statuses import Result

REFERENCES: Final = 0x1_0000_0000
UNREACHABLE: Final = Verdict(result=(0, int(ResultCode.UNABLE_TO_DELIVER)), reason="the SCS does not answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An SCS that takes messages: its profile's name, ISDN number, Origin-Hosts and domains, and its realm."""

    name: str
    isdn: str
    hosts: tuple[str, ...]
    realm: str
    domains: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What the SMS-SC brings.  `sc_address`: digits, "" when they make no number.  `imsi` None: another identity."""

    sc_address: str
    imsi: str | None
    tpdu: bytes
    msisdn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What goes to the SCS (Device-Notification with Action-Type 5)."""

    target: Target
    external_id: str
    reference: int
    tpdu: bytes
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """How it ended: for the SMS-SC `verdict`, with the External Identifier in success; for the audit the rest."""

    verdict: Verdict
    external_id: str = ""
    target: str = ""
    reference: int | None = None


class Names(Protocol):
    """S6m with SMS_MO."""

    async def name(self, *, imsi: str | None, msisdn: str | None, port: int | None, scs: str) -> str:
        """The External Identifier for device and port.  Raises HssRefused, Unavailable."""
        ...


class Notes(Protocol):
    """Tsp, towards the SCS."""

    async def bring(self, note: Note, host: str) -> Result | None:
        """Its answer.  Raises Unavailable when none came."""
        ...


@dataclass(slots=True, kw_only=True)
class MoSms:
    """The procedure.  number: E.164 digits of this MTC-IWF.  targets: by the digits that devices send to.

    at_once: messages on their way at most.  next_reference: where counting starts; random, so that a restart does not
    meet the numbers of the last run.  `counts`: "brought", and what was refused by its cause or code.
    """

    hss: Names
    scs: Notes
    number: str
    targets: Mapping[str, Target]
    at_once: int = 1000
    next_reference: int = 0
    open: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    async def bring(self, message: Message) -> Brought:
        """Bring one message to its SCS (TS 29.368 7.9 steps 2 to 4)."""
        if self.open >= self.at_once:
            brought = Brought(verdict=failure(FailureCause.SC_CONGESTION, "too many messages on their way"))
        else:
            self.open += 1
            try:
                brought = await self._bring(message)
            finally:
                self.open -= 1
        verdict = brought.verdict
        self.counts["brought" if verdict.good else verdict.cause.name if verdict.cause else str(verdict.result[1])] += 1
        return brought

    async def _bring(self, message: Message) -> Brought:
        if message.sc_address != self.number:
            return Brought(verdict=failure(FailureCause.UNKNOWN_SERVICE_CENTRE, "SC-Address is not ours"))
        try:
            if len(message.tpdu) > MAX_TPDU:
                raise TpduError("too long")
            submit = decode_submit(message.tpdu)
        except TpduError:
            return Brought(verdict=failure(FailureCause.EQUIPMENT_PROTOCOL_ERROR, "SM-RP-UI is no SMS-SUBMIT"))
        target = self.targets.get(submit.destination.digits)
        if target is None:
            return Brought(verdict=failure(FailureCause.INVALID_SME_ADDRESS, "no SCS has this address"))
        port = submit.user_data.port
        try:
            name = await self.hss.name(imsi=message.imsi, msisdn=message.msisdn, port=port, scs=target.isdn)
        except HssRefused as error:
            return Brought(verdict=_refused(error.code), target=target.name)
        except Unavailable as error:
            unable = Verdict(result=(0, int(ResultCode.UNABLE_TO_COMPLY)), reason=str(error))
            return Brought(verdict=unable, target=target.name)
        if not _of(target, name):
            reason = "the HSS names the device in a domain that is not the SCS's"
            return Brought(verdict=failure(FailureCause.USER_NOT_SC_USER, reason), external_id=name, target=target.name)
        note = Note(target=target, external_id=name, reference=self._reference(), tpdu=message.tpdu, port=port)
        verdict = await self._tell(note)
        return Brought(verdict=verdict, external_id=name, target=target.name, reference=note.reference)

    async def _tell(self, note: Note) -> Verdict:
        """One of the SCS's hosts after the other, until one has an opinion."""
        verdict = UNREACHABLE
        for host in note.target.hosts:
            try:
                verdict = _answered(await self.scs.bring(note, host))
            except Unavailable:
                verdict = UNREACHABLE
            if verdict is not UNREACHABLE:
                break
        return verdict

    def _reference(self) -> int:
        reference = self.next_reference % REFERENCES
        self.next_reference = reference + 1
        return reference


def _of(target: Target, name: str) -> bool:
    try:
        return ExternalIdentifier.parse(name).domain in target.domains
    except IdentityError:
        return False


def _refused(code: int) -> Verdict:
    """What each refusal of the HSS is for the SMS-SC (TS 29.336 6.3.3; 5598 of 5.2.1.2)."""
    reason = f"the HSS refused with {code}"
    if code in (5001, 5510):  # nobody has the IMSI; the device may not send to this SCS
        return failure(FailureCause.USER_NOT_SC_USER, reason)
    if code == 5598:  # without an application port, or without IMSI
        return failure(FailureCause.EQUIPMENT_PROTOCOL_ERROR, reason)
    if code == 5511:  # not in the subscription, or no application on this port
        return Verdict(result=(TGPP, FACILITY_NOT_SUPPORTED), reason=reason)
    return Verdict(result=(0, int(ResultCode.UNABLE_TO_COMPLY)), reason=reason)


def _answered(result: Result | None) -> Verdict:
    """What the answer of an SCS is for the SMS-SC: it has the message, has no room, wants none, or takes none."""
    if result is None:
        return UNREACHABLE
    vendor, code = result
    if 2000 <= code < 3000:
        return Verdict()
    reason = f"the SCS refused with {code}"
    if vendor == 0 and code == ResultCode.TOO_BUSY:
        return failure(FailureCause.SC_CONGESTION, reason)
    if vendor == 0 and 3000 <= code < 5000:
        return UNREACHABLE
    if vendor == 0 and code == ResultCode.AUTHORIZATION_REJECTED:
        return failure(FailureCause.USER_NOT_SC_USER, reason)
    return Verdict(result=(TGPP, FACILITY_NOT_SUPPORTED), reason=reason)
