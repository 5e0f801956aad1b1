"""Short messages that look like device triggers and did not come over T4 (T-TRIG-04, R-TSP-16).

Whoever is not the MTC-IWF could wake devices past every check of the gateway by sending the marking of a trigger
himself: TP-PID 0x48, or the application port that triggers use.  Every way into this SMS-SC but T4 asks here first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.sms import IEI_PORT_8, IEI_PORT_16, TRIGGER_PID, decode_deliver, decode_submit
from nfs.common.sms_layout import TpduError

CHECK: Final = "trigger-marking"


class Marking:
    """The marking of triggers.  `ports`: application ports that only triggers may go to, beside TP-PID 0x48."""

    def __init__(self, audit: AuditLog, ports: Iterable[int] = ()) -> None:
        self._audit = audit
        self._ports = frozenset(ports)

    def reason(self, pid: int, ports: Iterable[int | None]) -> str:
        """Why a message is taken for a trigger; "" when it is none."""
        if pid == TRIGGER_PID:
            return f"TP-PID {TRIGGER_PID:#04x}"
        port = next((port for port in ports if port in self._ports), None)
        return "" if port is None else f"application port {port}"

    def of_tpdu(self, octets: bytes, *, submit: bool = False) -> str:
        """The same of an SMS-DELIVER, or of an SMS-SUBMIT; what is neither cannot be looked into, and is none."""
        try:
            message = decode_submit(octets) if submit else decode_deliver(octets)
        except TpduError:
            return ""
        ports = [
            int.from_bytes(element.data[: len(element.data) // 2], "big")
            for element in message.user_data.header
            if element.iei in (IEI_PORT_8, IEI_PORT_16)
        ]
        return self.reason(message.pid, ports)

    def drop(self, reason: str, *, peer: str, origin: str, command: str, target: str, result: str) -> None:
        """Write down that a message was dropped; with an alarm, because nobody sends this by mistake."""
        self._audit.refuse(
            Refusal(
                check=CHECK,
                stage=Stage.AUTHORISATION,
                area=Area.B2,
                peer=peer,
                origin=origin,
                command=command,
                target=target,
                result=result,
                reason=reason,
                alarm=True,
            )
        )
