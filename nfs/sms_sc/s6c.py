"""S6c, SMS-SC side (TS 29.338 clause 5): asks the HSS for serving nodes, reports deliveries to it, is alerted by it.

An MME or SGSN that was asked to (Maximum-Retransmission-Time) alerts by the same command (6.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from diameter import Message
from diameter.app import Application, answers
from diameter.errors import ApplicationFault, RequestError, ResultCode
from nfs.common.identities import IdentityError, decode_number, encode_number, imsi
from nfs.common.nodes import NodeKind, ServingNode, from_group
from nfs.sms_sc.logic import Attempt, Trigger
from nfs.sms_sc.outcomes import TGPP, Delivered, Failure, of_answer
from nfs.sms_sc.sgd import REACHED

USER_UNKNOWN: Final = 5001
GPRS_INDICATOR, RP_PRI, SINGLE_ATTEMPT = 1, 2, 4  # SRR-Flags
RDR_SINGLE_ATTEMPT: Final = 1
MEMORY_FULL, ABSENT, SUCCESS = 0, 1, 2  # SM-Delivery-Cause
ONLY_IMSI: Final = 0
_OUTCOMES: Final[Mapping[NodeKind, str]] = {
    NodeKind.MME: "MME-SM-Delivery-Outcome",
    NodeKind.SGSN: "SGSN-SM-Delivery-Outcome",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What the HSS says: the IMSI and the nodes that can be reached, or why there is none.

    `others`: nodes that neither SGd nor Gdd reaches.
    `waited`: something is waited for, so that the HSS wants to hear of a success.  `code`: 3GPP's, of a refusal.
    """

    imsi: str | None = None
    nodes: tuple[ServingNode, ...] = ()
    others: tuple[ServingNode, ...] = ()
    refused: Delivered | None = None
    waited: bool = False
    code: int | None = None


class S6c(Application):
    """The SMS-SC's side of S6c.  `number`: of this SMS-SC; `realm`, `host`: the HSS.

    `alerted(imsi, msisdn)` is called when a device is back; one of the two is set, or both.
    """

    dictionary = "ts29338_s6c"

    def __init__(
        self, number: str, alerted: Callable[[str | None, str | None], None], *, realm: str, host: str | None
    ) -> None:
        self._sc_address = encode_number(number)
        self._alerted = alerted
        self._realm = realm
        self._host = host

    async def way(self, attempt: Attempt) -> Way:
        """Ask for the serving nodes of the device (5.2.1)."""
        trigger = attempt.trigger
        flags = GPRS_INDICATOR | (RP_PRI if trigger.priority else 0)
        flags |= SINGLE_ATTEMPT if trigger.validity_s == 0 else 0
        avps = {**_user(trigger.imsi, trigger.msisdn), "SC-Address": self._sc_address, "SRR-Flags": flags}
        return await self._ask(avps)

    async def identify(self, msisdn: str) -> Way:
        """Ask for the IMSI that belongs to a number, and for nothing else."""
        return await self._ask({**_user("", msisdn), "SM-Delivery-Not-Intended": ONLY_IMSI})

    async def ask_for(self, imsi: str, msisdn: str | None) -> Way:
        """Ask for serving nodes on behalf of another network, which keeps the message: nobody waits for the device."""
        return await self._ask({**_user(imsi, msisdn), "SRR-Flags": GPRS_INDICATOR | SINGLE_ATTEMPT})

    async def _ask(self, avps: dict[str, Any]) -> Way:
        try:
            answer = await self.request("Send-Routing-Info-for-SM", avps, to=self._host, realm=self._realm)
        except RequestError:
            return Way(refused=Delivered(failure=Failure.TEMPORARY))
        if answer.result != (0, ResultCode.SUCCESS):
            vendor, code = answer.result or (0, 0)
            if vendor != TGPP:  # it says something of the HSS, whose database is away, and nothing of the device
                return Way(refused=Delivered(failure=Failure.TEMPORARY))
            return Way(refused=of_answer(answer.result, absent=_diagnostic(answer)), code=code)
        try:
            nodes = [from_group(group) for name in _SERVING for group in answer.all(name)]
        except IdentityError:
            nodes = []
        reached = tuple(node for node in nodes if node.kind in REACHED and node.name)
        return Way(
            imsi=answer.get("User-Name"),
            nodes=reached,
            others=tuple(node for node in nodes if node not in reached),
            waited=bool(answer.get("MWD-Status", 0)),
        )

    async def report(self, trigger: Trigger, results: Iterable[tuple[NodeKind, Delivered]]) -> bool:
        """Tell the HSS what became of a delivery, node by node (5.2.3); True when it waits for the device with us."""
        outcomes = {
            _OUTCOMES[kind]: outcome for kind, result in results if kind in _OUTCOMES and (outcome := _outcome(result))
        }
        if not outcomes:
            return False
        avps: dict[str, Any] = {
            "User-Identifier": _user(trigger.imsi, trigger.msisdn),
            "SC-Address": self._sc_address,
            "SM-Delivery-Outcome": outcomes,
        }
        if trigger.validity_s == 0:
            avps["RDR-Flags"] = RDR_SINGLE_ATTEMPT
        try:
            answer = await self.request("Report-SM-Delivery-Status", avps, to=self._host, realm=self._realm)
        except RequestError:
            return False
        return answer.result == (0, ResultCode.SUCCESS)

    @answers("Alert-Service-Centre-Request")
    def alert(self, request: Message) -> Message:
        """A device is back: what is kept for it is delivered now (5.2.2, 6.2.3)."""
        user = request.group("User-Identifier")
        try:
            name = imsi(user.text("User-Name")) if "User-Name" in user else None
            msisdn = decode_number(user.raw("MSISDN")) if "MSISDN" in user else None
        except IdentityError as wrong:
            raise ApplicationFault(USER_UNKNOWN, str(wrong), vendor=TGPP) from None
        if name is None and msisdn is None:
            raise ApplicationFault(ResultCode.MISSING_AVP, "User-Identifier: User-Name or MSISDN expected")
        if request.raw("SC-Address") != self._sc_address:
            raise ApplicationFault(ResultCode.INVALID_AVP_VALUE, "SC-Address: not of this SMS-SC")
        self._alerted(name, msisdn)
        return request.answer(ResultCode.SUCCESS)


_SERVING: Final = ("Serving-Node", "Additional-Serving-Node")


def _user(name: str, msisdn: str | None) -> dict[str, Any]:
    """By MSISDN where there is one, by IMSI otherwise (5.2.1)."""
    return {"User-Name": name} if msisdn is None else {"MSISDN": encode_number(msisdn)}


def _diagnostic(answer: Message) -> int | None:
    for name in ("MME", "SGSN", "MSC"):
        value: int | None = answer.get(f"{name}-Absent-User-Diagnostic-SM")
        if value is not None:
            return value
    return None


def _outcome(result: Delivered) -> dict[str, int]:
    """The members of an outcome; none for what an HSS has no interest in."""
    if result.failure is None:
        return {"SM-Delivery-Cause": SUCCESS}
    if result.failure is Failure.MEMORY_FULL:
        return {"SM-Delivery-Cause": MEMORY_FULL}
    if result.failure is not Failure.ABSENT or result.retry_at is not None:  # the node will alert by itself
        return {}
    absent = {} if result.absent is None else {"Absent-User-Diagnostic-SM": result.absent}
    return {"SM-Delivery-Cause": ABSENT, **absent}
