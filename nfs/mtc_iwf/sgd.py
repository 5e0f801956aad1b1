"""SGd, MTC-IWF side (TS 29.338 6.3.1.1, TS 29.337 clause 1): short messages that the SMS-SC brings from devices.

The two questions that follow from one, to the HSS on S6m and to the SCS on Tsp, are asked through those applications.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

from diameter import Message, ResultCode
from diameter.app import Application, answers
from diameter.errors import ErrorAnswer, RequestError
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.identities import IdentityError, decode_number, encode_number, imsi
from nfs.common.sm_failure import TGPP
from nfs.common.tsp import ActionType
from nfs.mtc_iwf import mo_sms
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.mo_sms import Brought, MoSms, Note
from nfs.mtc_iwf.ports import HssRefused, Unavailable
from nfs.mtc_iwf.statuses import Result

SMS_MO: Final = 1  # Service-ID
FROM_IWF: Final = 1  # SIR-Flags bit 0


class Sgd(Application):
    """Serves SMS-SCs."""

    dictionary = "ts29338_sgd"

    def __init__(self, procedure: MoSms, audit: AuditLog) -> None:
        self._procedure = procedure
        self._audit = audit

    @classmethod
    def of(cls, config: IwfConfig, s6m: Application, tsp: Application, audit: AuditLog) -> tuple[Sgd, ...]:
        """The application that a configuration asks for, none without `[mo_sms]`."""
        table = config.mo_sms
        if table is None:
            return ()
        procedure = MoSms(
            hss=HssNames(s6m, realm=config.hss.realm, host=config.hss.host),
            scs=ScsNotes(tsp),
            number=table.number,
            targets=table.targets(config.scs),
            at_once=table.at_once,
            next_reference=secrets.randbelow(mo_sms.REFERENCES),
        )
        return (cls(procedure, audit),)

    def reload(self, config: IwfConfig) -> None:
        """Go by another configuration from now on; messages on their way are not touched."""
        table = config.mo_sms
        self._procedure.targets = {} if table is None else table.targets(config.scs)
        if table is not None:
            self._procedure.at_once = table.at_once

    @answers("MO-Forward-Short-Message-Request")
    async def mo_forward(self, request: Message) -> Message:
        """Bring a short message to its SCS and answer with what became of it (6.2.1)."""
        user = request.group("User-Identifier")
        if "User-Name" not in user and "MSISDN" not in user:
            return request.answer(ResultCode.MISSING_AVP, {"Failed-AVP": {"User-Identifier": user}})
        try:
            message = mo_sms.Message(
                sc_address=_digits(request, "SC-Address"),
                imsi=imsi(user.text("User-Name")) if "User-Name" in user else None,
                msisdn=decode_number(user.raw("MSISDN")) if "MSISDN" in user else None,
                tpdu=request.raw("SM-RP-UI"),
            )
        except IdentityError as wrong:
            avps: dict[str, Any] = {"Error-Message": str(wrong), "Failed-AVP": {"User-Identifier": user}}
            return request.answer(ResultCode.INVALID_AVP_VALUE, avps)
        brought = await self._procedure.bring(message)
        vendor, code = brought.verdict.result
        avps = brought.verdict.avps()
        if brought.verdict.good:
            avps["External-Identifier"] = brought.external_id
        elif vendor == TGPP:
            self._refused(request, brought)
        return request.answer(code, avps, vendor=vendor)

    def _refused(self, request: Message, brought: Brought) -> None:
        verdict = brought.verdict
        self._audit.refuse(
            Refusal(
                check="mo-sms",
                stage=Stage.AUTHORISATION,
                area=Area.A3A,
                peer=self.peer_of(request).host,
                origin=request.text("Origin-Host"),
                command=request.command,
                target=brought.external_id or str(request.group("User-Identifier").get("User-Name") or ""),
                profile=brought.target,
                reference=brought.reference,
                result=str(verdict.result[1]) if verdict.cause is None else verdict.cause.name,
                reason=verdict.reason,
            )
        )


class HssNames:
    """`nfs.mtc_iwf.mo_sms.Names` on S6m.  host: of one HSS, or None to go by `realm` alone."""

    def __init__(self, s6m: Application, *, realm: str, host: str | None = None) -> None:
        self._s6m = s6m
        self._realm = realm
        self._host = host

    async def name(self, *, imsi: str | None, msisdn: str | None, port: int | None, scs: str) -> str:
        """The External Identifier for device and port (TS 29.336 5.2.1.2).  Raises HssRefused, Unavailable."""
        avps: dict[str, Any] = {
            "User-Identifier": {"User-Name": imsi} if imsi is not None else {"MSISDN": encode_number(msisdn or "")},
            "Service-ID": SMS_MO,
            "SCS-Identity": encode_number(scs),
            "SIR-Flags": FROM_IWF,
        }
        if port is not None:
            avps["Service-Parameters"] = {"Application-Port-Identifier": port}
        try:
            answer = await self._s6m.request("Subscriber-Information", avps, to=self._host, realm=self._realm)
        except RequestError as error:
            raise Unavailable(f"HSS: {error}") from None
        result = answer.result
        if result is not None and result[0] == TGPP:
            raise HssRefused(result[1])
        user = answer.get("User-Identifier")
        if result is None or not 2000 <= result[1] < 3000 or user is None or "External-Identifier" not in user:
            raise Unavailable("HSS: no External-Identifier in its answer")
        name: str = user.text("External-Identifier")
        return name


class ScsNotes:
    """`nfs.mtc_iwf.mo_sms.Notes` on Tsp."""

    def __init__(self, tsp: Application) -> None:
        self._tsp = tsp

    async def bring(self, note: Note, host: str) -> Result | None:
        """Send a Device-Notification-Request with the message (TS 29.368 5.9).  Raises Unavailable."""
        notification: dict[str, Any] = {
            "External-Identifier": note.external_id,
            "SCS-Identity": encode_number(note.target.isdn),
            "Reference-Number": note.reference,
            "Action-Type": int(ActionType.MO_SMS),
            "SM-RP-UI": note.tpdu,
        }
        if note.port is not None:
            notification["Application-Port-Identifier"] = note.port
        try:
            answer = await self._tsp.request(
                "Device-Notification", {"Device-Notification": notification}, to=host, realm=note.target.realm
            )
        except ErrorAnswer as error:
            refused: Result | None = error.answer.result
            return refused
        except RequestError as error:
            raise Unavailable(f"SCS: {error}") from None
        return answer.result


def _digits(request: Message, name: str) -> str:
    """The digits of a number, "" when it makes none."""
    try:
        return decode_number(request.raw(name), name)
    except IdentityError:
        return ""
