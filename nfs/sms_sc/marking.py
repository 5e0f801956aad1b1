"""Short messages that look like device triggers and did not come over T4 (T-TRIG-04, R-TSP-16).

Whoever is not the MTC-IWF could wake devices past every check of the gateway by sending the marking of a trigger
himself: TP-PID 0x48, or the application port that triggers use.  Every way into this SMS-SC but T4 asks here first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.sms import IEI_PORT_8, IEI_PORT_16, TRIGGER_PID, decode_submit
from nfs.common.sms_layout import TpduError

CHECK: Final = "trigger-marking"
UDHI: Final = 0x40


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
        """The same of an SMS-DELIVER, or of an SMS-SUBMIT, which is refused anyway when it cannot be read."""
        if not submit:
            return self.reason(*_as_devices_read(octets))
        try:
            message = decode_submit(octets)
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


def _as_devices_read(octets: bytes) -> tuple[int, list[int]]:
    """TP-PID and application ports of an SMS-DELIVER by their places alone (TS 23.040 9.2.2.1); -1 where there is none.

    A device may take what `decode_deliver` refuses, a length that is off or a type of message that is reserved, so
    nothing is checked here but that it is no SMS-STATUS-REPORT and no SMS-SUBMIT-REPORT.
    """
    if len(octets) < 3 or octets[0] & 3 in (1, 2):
        return -1, []
    at = 3 + (octets[1] + 1) // 2
    pid = octets[at] if at < len(octets) else -1
    header = octets[at + 10 :] if octets[0] & UDHI else b""
    elements, ports = header[1 : 1 + header[0]] if header else b"", []
    while len(elements) >= 2:
        iei, data, elements = elements[0], elements[2 : 2 + elements[1]], elements[2 + elements[1] :]
        if iei in (IEI_PORT_8, IEI_PORT_16):
            ports.append(int.from_bytes(data[: 1 if iei == IEI_PORT_8 else 2]))
    return pid, ports
