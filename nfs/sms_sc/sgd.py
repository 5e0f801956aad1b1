"""SGd, SMS-SC (SMS-GMSC) to MME (TS 29.338): sends MT-Forward-Short-Message-Request.

What devices send the other way is in `nfs.sms_sc.mo_sgd`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from diameter.app import Application
from diameter.errors import RequestError
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.logic import Attempt
from nfs.sms_sc.outcomes import Delivered, Failure, of_answer

REACHED: Final[Mapping[NodeKind, str]] = {NodeKind.MME: "MME-Number-for-MT-SMS", NodeKind.SGSN: "SGSN-Number"}
"""The serving nodes of this reference point, and the AVP their number goes into."""
_MORE_MESSAGES_TO_SEND: Final = 1  # TFR-Flags bit 0


class Sgd(Application):
    """The SMS-SC's side of SGd.  `number`: its E.164 digits, for SC-Address.

    `alerted`: this SMS-SC can be alerted, so that a serving node may say when to come again (6.2.3).
    """

    dictionary = "ts29338_sgd"

    def __init__(self, number: str, *, alerted: bool = False) -> None:
        self._sc_address = encode_number(number)
        self._alerted = alerted

    async def deliver(self, attempt: Attempt, serving: ServingNode) -> Delivered:
        """Hand one SMS-DELIVER to a serving node (6.2.2); an answer that never comes is a temporary failure."""
        avps: dict[str, Any] = {
            "User-Name": attempt.trigger.imsi,
            "SC-Address": self._sc_address,
            "SM-RP-UI": attempt.deliver.encode(),
            REACHED[serving.kind]: encode_number(serving.number),
        }
        if attempt.deliver.more_messages:
            avps["TFR-Flags"] = _MORE_MESSAGES_TO_SEND
        if self._alerted and attempt.trigger.validity_s != 0:
            avps["Maximum-Retransmission-Time"] = datetime.fromtimestamp(int(attempt.trigger.expires_at), UTC)
            avps["SMS-GMSC-Address"] = self._sc_address
        try:
            answer = await self.request("MT-Forward-Short-Message", avps, to=serving.name, realm=serving.realm)
        except RequestError:
            return Delivered(failure=Failure.TEMPORARY)
        cause = answer.get("SM-Delivery-Failure-Cause")
        result = of_answer(
            answer.result,
            absent=answer.get("Absent-User-Diagnostic-SM"),
            cause=None if cause is None else cause.get("SM-Enumerated-Delivery-Failure-Cause"),
        )
        again = answer.get("Requested-Retransmission-Time")
        if again is None or result.failure is not Failure.ABSENT or not self._alerted:
            return result
        return replace(result, retry_at=again.timestamp())
