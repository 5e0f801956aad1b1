"""S6m and S6n, HSS side (TS 29.336): Subscriber-Information-Requests to questions, and what the HSS says to answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diameter import Message, ResultCode
from diameter.app import Application, answers
from diameter.message import Grouped
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.identities import ExternalIdentifier, IdentityError, decode_number, encode_number, imsi
from nfs.common.nodes import to_avps
from nfs.common.store import StoreError
from nfs.hss.directory import Directory
from nfs.hss.groups.s6m import Groups, is_group
from nfs.hss.logic import Error, Information, Question, Refused, UserId, inform

TGPP = 10415
FROM_IWF = 1  # SIR-Flags bit 0


class S6m(Application):
    """Answers from the subscriber database.

    groups: answers for groups; None where this HSS knows none.  every_name: see `nfs.hss.logic.inform`.
    """

    dictionary = "ts29336_s6m"

    def __init__(
        self,
        directory: Directory,
        audit: AuditLog,
        groups: Groups | None = None,
        *,
        every_name: bool = False,
    ) -> None:
        self._every_name = every_name
        self._groups = groups
        self._directory = directory
        self._audit = audit

    @answers("Subscriber-Information-Request")
    async def subscriber_information(self, request: Message) -> Message:
        """Answer a Subscriber-Information-Request (clause 5.2.1.2)."""
        user = request.group("User-Identifier")
        if self._groups is not None and is_group(request):
            return await self._groups.answer(request, self.peer_of(request).host)
        try:
            question = _question(request, user)
        except IdentityError:  # what is no identity belongs to nobody
            return self._refuse(request, user, Error.USER_UNKNOWN)
        if question.user.count != 1:
            avps = {"Failed-AVP": {"User-Identifier": user}, "Error-Message": "exactly one identity expected"}
            return request.answer(ResultCode.INVALID_AVP_VALUE, avps)
        try:
            subscriber = await self._directory.find(question.user)
        except StoreError:
            return request.answer(ResultCode.UNABLE_TO_COMPLY, {"Error-Message": "database"})
        try:
            return request.answer(ResultCode.SUCCESS, _avps(inform(question, subscriber, every_name=self._every_name)))
        except Refused as refused:
            return self._refuse(request, user, refused.error)

    def _refuse(self, request: Message, user: Grouped, error: Error) -> Message:
        target = user.get("External-Identifier") or user.get("User-Name") or ""
        self._audit.refuse(
            Refusal(
                check="subscriber-information",
                stage=Stage.AUTHORISATION,
                area=Area.CORE,
                peer=self.peer_of(request).host,
                origin=request.text("Origin-Host"),
                command=request.command,
                target=target or _digits(user, "MSISDN", lambda text: text) or "",
                result=error.name,
                reason=f"{error.value}",
            )
        )
        return request.answer(error, vendor=TGPP)


def _question(request: Message, user: Grouped) -> Question:
    """Raises IdentityError for an identity of the user that is none; an SCS-Identity that is none has no rights."""
    external_id, name = user.get("External-Identifier"), user.get("User-Name")
    parameters = request.get("Service-Parameters")
    t4 = None if parameters is None else parameters.get("T4-Parameters")
    return Question(
        user=UserId(
            imsi=None if name is None else imsi(name),
            msisdn=_digits(user, "MSISDN", None),
            external_id=None if external_id is None else str(ExternalIdentifier.parse(external_id)),
        ),
        from_iwf=bool(request.number("SIR-Flags") & FROM_IWF),
        service=request.get("Service-ID"),
        scs=_digits(request, "SCS-Identity", lambda _: None),
        priority=t4 is not None and t4.get("Priority-Indication", 0) == 1,
        port=None if parameters is None else parameters.get("Application-Port-Identifier"),
    )


def _digits(group: Message | Grouped, name: str, otherwise: Callable[[str], str | None] | None) -> str | None:
    """The digits of a number, None when absent; for octets that are none `otherwise`, or IdentityError without it."""
    if name not in group:
        return None
    try:
        return decode_number(group.raw(name), name)
    except IdentityError:
        if otherwise is None:
            raise
        return otherwise("")


def _avps(information: Information) -> dict[str, Any]:
    avps: dict[str, Any] = {"User-Identifier": [_user(user) for user in information.users]}
    if information.cause is not None:
        data: dict[str, Any] = {"HSS-Cause": int(information.cause)}
        if information.nodes:
            first, *more = (to_avps(node) for node in information.nodes)
            data["Serving-Node"] = first
            data["Additional-Serving-Node"] = more
        avps["Service-Data"] = {"T4-Data": data}
    return avps


def _user(user: UserId) -> dict[str, Any]:
    avps: dict[str, Any] = {}
    if user.imsi is not None:
        avps["User-Name"] = user.imsi
    if user.msisdn is not None:
        avps["MSISDN"] = encode_number(user.msisdn)
    if user.external_id is not None:
        avps["External-Identifier"] = user.external_id
    return avps
