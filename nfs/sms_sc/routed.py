"""S6c and SGd of the SMS Router: questions and messages of other networks (TS 29.338 clauses 5.2.1 and 6.2.2)."""

from __future__ import annotations

from typing import Any, Final

from diameter import Message
from diameter.app import answers
from diameter.errors import ErrorAnswer, RequestError, ResultCode
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.identities import IdentityError, decode_number, encode_number, imsi
from nfs.common.nodes import ServingNode, to_avps
from nfs.sms_sc.home_router import HomeRouter
from nfs.sms_sc.marking import Marking
from nfs.sms_sc.mo_sgd import MoSgd
from nfs.sms_sc.outcomes import TGPP
from nfs.sms_sc.s6c import S6c
from nfs.sms_sc.sgd import REACHED, Sgd

USER_UNKNOWN: Final = 5001
ABSENT_USER: Final = 5550
FACILITY_NOT_SUPPORTED: Final = 5552
_PASSED: Final = ("Absent-User-Diagnostic-SM", "SM-Delivery-Failure-Cause", "SM-RP-UI")
"""What of an answer goes back to the other network."""


class Routed:
    """Answers for the handlers of S6c and SGd; what is refused is audited."""

    def __init__(self, router: HomeRouter, marking: Marking, audit: AuditLog) -> None:
        self._router = router
        self._marking = marking
        self._audit = audit

    async def way(self, s6c: S6c, request: Message) -> Message:
        """A Send-Routing-Info-for-SM-Request of another network."""
        if not self._router.serves(request.text("Origin-Realm")):
            return self._refuse(s6c.peer_of(request).host, request, FACILITY_NOT_SUPPORTED, "not a network served")
        try:
            name, msisdn = _named(request)
        except IdentityError:
            return self._refuse(s6c.peer_of(request).host, request, USER_UNKNOWN, "no identity of a device")
        way = await s6c.ask_for(name, msisdn)
        if way.refused is not None:
            if way.code is None:
                return request.answer(ResultCode.UNABLE_TO_DELIVER)
            return request.answer(way.code, vendor=TGPP)
        if way.imsi is None or not way.nodes:
            return request.answer(ABSENT_USER, vendor=TGPP)
        avps = {"User-Name": self._router.hide(way), "Serving-Node": to_avps(self._router.node)}
        return request.answer(ResultCode.SUCCESS, avps)

    async def forward(self, sgd: Sgd, request: Message) -> Message:
        """A MT-Forward-Short-Message-Request of another network."""
        peer = sgd.peer_of(request).host
        if not self._router.serves(request.text("Origin-Realm")):
            return self._refuse(peer, request, FACILITY_NOT_SUPPORTED, "not a network served")
        tpdu = request.raw("SM-RP-UI")
        behind = self._router.behind(request.text("User-Name"))
        marked = self._marking.of_tpdu(tpdu)
        if marked:
            self._marking.drop(
                marked,
                peer=peer,
                origin=request.text("Origin-Host"),
                command=request.command,
                target="" if behind is None else behind.imsi,
                result="FACILITY_NOT_SUPPORTED",
            )
            return request.answer(FACILITY_NOT_SUPPORTED, vendor=TGPP)
        if behind is None:
            return self._refuse(peer, request, USER_UNKNOWN, "no correlation identifier of this router")
        answer: Message | None = None
        for node in behind.nodes:
            answer = await self._one(sgd, request, behind.imsi, node)
            if answer is not None and answer.result != (TGPP, ABSENT_USER):
                break
        return _passed_on(request, answer)

    @staticmethod
    async def _one(sgd: Sgd, request: Message, name: str, node: ServingNode) -> Message | None:
        """The answer of one serving node, None without one."""
        avps: dict[str, Any] = {
            "User-Name": name,
            "SC-Address": request.raw("SC-Address"),
            "SM-RP-UI": request.raw("SM-RP-UI"),
            REACHED[node.kind]: encode_number(node.number),
        }
        if "TFR-Flags" in request:
            avps["TFR-Flags"] = request["TFR-Flags"]
        try:
            return await sgd.request("MT-Forward-Short-Message", avps, to=node.name, realm=node.realm)
        except ErrorAnswer as error:
            found: Message = error.answer
            return found
        except RequestError:
            return None

    def _refuse(self, peer: str, request: Message, code: int, reason: str) -> Message:
        self._audit.refuse(
            Refusal(
                check="home-router",
                stage=Stage.AUTHORISATION,
                area=Area.B2,
                peer=peer,
                origin=request.text("Origin-Host"),
                command=request.command,
                result=str(code),
                reason=reason,
            )
        )
        return request.answer(code, vendor=TGPP)


def _passed_on(request: Message, answer: Message | None) -> Message:
    if answer is None or answer.result is None:
        return request.answer(ResultCode.UNABLE_TO_DELIVER)
    vendor, code = answer.result
    avps = {name: answer[name] for name in _PASSED if name in answer}
    return request.answer(code, avps, vendor=vendor)


def _named(request: Message) -> tuple[str, str | None]:
    """IMSI and MSISDN of a question, one of them.  Raises IdentityError for what is none."""
    if "MSISDN" in request:
        return "", decode_number(request.raw("MSISDN"))
    return imsi(request.get("User-Name", "")), None


class RoutedS6c(S6c):
    """S6c that also answers other networks.  `routed` is set before the node starts."""

    routed: Routed

    @answers("Send-Routing-Info-for-SM-Request")
    async def send_routing_info(self, request: Message) -> Message:
        """Hide the device, and name this router as its serving node (5.2.1)."""
        return await self.routed.way(self, request)


class RoutedSgd(MoSgd):
    """SGd that also takes short messages of other networks.  `routed` is set before the node starts."""

    routed: Routed

    @answers("MT-Forward-Short-Message-Request")
    async def mt_forward(self, request: Message) -> Message:
        """Look at a message, and bring it to the real serving node (6.2.2)."""
        return await self.routed.forward(self, request)
