"""Groups on S6m, HSS side: User-Identifier with Type-Of-External-Identifier 1, answered with a user a member.

An extension of ours, without AVP codes of its own (docs/groups.md): the code is that of S6t (TS 29.336 8.4.64).
"""

from __future__ import annotations

from typing import Any, Final

from diameter import Message, ResultCode
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.groups import names_group
from nfs.common.identities import ExternalIdentifier, IdentityError, decode_number
from nfs.common.store import Store, StoreError
from nfs.hss.groups import tables
from nfs.hss.groups.logic import Member, authorise, resolve
from nfs.hss.logic import Error, Refused, Service

TGPP: Final = 10415


def is_group(request: Message) -> bool:
    """Whether a Subscriber-Information-Request asks for a group."""
    return names_group(request.group("User-Identifier"))


class Groups:
    """Answers for groups from the database.  at_most: members that an answer may have; the whole group or nothing."""

    def __init__(self, store: Store, audit: AuditLog, at_most: int) -> None:
        self._store = store
        self._audit = audit
        self.at_most = at_most

    async def answer(self, request: Message, peer: str) -> Message:
        """The Subscriber-Information-Answer; what the definition of the group names is looked up at this moment."""
        user = request.group("User-Identifier")
        name = user.get("External-Identifier")
        if name is None or "MSISDN" in user or "User-Name" in user:
            avps = {"Failed-AVP": {"User-Identifier": user}, "Error-Message": "the External-Identifier of a group only"}
            return request.answer(ResultCode.INVALID_AVP_VALUE, avps)
        service = request.get("Service-ID")
        try:
            members = await self._members(str(ExternalIdentifier.parse(name)), _scs(request), service)
        except (Refused, IdentityError) as error:
            refused = error.error if isinstance(error, Refused) else Error.USER_UNKNOWN
            self._note(request, peer, name, refused.name, f"{refused.value}", check="group-information")
            return request.answer(refused, vendor=TGPP)
        except StoreError:
            return request.answer(ResultCode.UNABLE_TO_COMPLY, {"Error-Message": "database"})
        reached = [each for each in members if not each.left_out]
        for each in members:
            if each.left_out:
                self._note(request, peer, each.external_id, "left out", each.left_out, check="group-member")
            elif each.by_rule:
                self._audit.resolved(peer=peer, group=name, target=each.external_id)
        if len(reached) > self.at_most:
            reason = f"{len(reached)} members, {self.at_most} at most"
            self._note(request, peer, name, str(int(ResultCode.UNABLE_TO_COMPLY)), reason, check="group-size")
            return request.answer(ResultCode.UNABLE_TO_COMPLY, {"Error-Message": "the group is too large"})
        users = [{"User-Name": each.imsi, "External-Identifier": each.external_id} for each in reached]
        avps_of: dict[str, Any] = {"User-Identifier": users} if users else {}
        return request.answer(ResultCode.SUCCESS, avps_of)

    async def _members(self, name: str, scs: str | None, service: int | None) -> list[Member]:
        def work(connection: Any) -> list[Member]:
            group = authorise(tables.find(connection, name), scs, service)
            asked = Service.DEVICE_TRIGGER if service is None else service
            return list(resolve(tables.candidates(connection, group, asked)))

        found: list[Member] = await self._store.do(work)
        return found

    def _note(self, request: Message, peer: str, target: str, result: str, reason: str, *, check: str) -> None:
        self._audit.refuse(
            Refusal(
                check=check,
                stage=Stage.AUTHORISATION,
                area=Area.CORE,
                peer=peer,
                origin=request.text("Origin-Host"),
                command=request.command,
                target=target,
                result=result,
                reason=reason,
            )
        )


def _scs(request: Message) -> str | None:
    """The number of the SCS; one that is none has no rights."""
    try:
        return decode_number(request.raw("SCS-Identity"), "SCS-Identity") if "SCS-Identity" in request else None
    except IdentityError:
        return None
