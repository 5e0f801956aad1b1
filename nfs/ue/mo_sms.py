"""Short messages that a simulated UE sends, and what it hears of them (TS 23.040 clauses 9.2.2.2, 9.2.2.2a, 9.2.2.3).

A message is one SMS-SUBMIT, or several when it is long; each has a TP-MR, under which its SMS-STATUS-REPORT comes.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from nfs.common.sms import Submit, split
from nfs.common.sms_layout import SmsAddress, TpduError
from nfs.common.sms_reports import StatusReport, decode_status_report

REFERENCES: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A short message on its way: TP-MR, where to (digits), and its TPDU."""

    reference: int
    to: str
    tpdu: bytes


@dataclass(slots=True, kw_only=True)
class Outbox:
    """What one UE has sent and waits to hear of; as many as there are references, the oldest gives way."""

    imsi: str
    waiting: OrderedDict[int, Sent] = field(default_factory=OrderedDict)
    _next: int = 0
    _concatenation: int = 0

    def write(
        self, to: str, payload: bytes, *, port: int | None = None, international: bool = True, report: bool = True
    ) -> tuple[Sent, ...]:
        """The SMS-SUBMITs that carry `payload` (8-bit data) to `port` at address `to`, in order.

        international: an E.164 number; otherwise a short code.  report: ask for an SMS-STATUS-REPORT.  Raises TpduError
        for an address or a length that no short message has.
        """
        self._concatenation = (self._concatenation + 1) % 0x100
        address = SmsAddress(digits=to, ton=1 if international else 0)
        parts = split(payload, port=port, reference=self._concatenation)
        sent = []
        for part in parts:
            submit = Submit(reference=self._next, destination=address, user_data=part, status_report=report)
            one = Sent(reference=self._next, to=to, tpdu=submit.encode())
            self._next = (self._next + 1) % REFERENCES
            if report:
                self.waiting.pop(one.reference, None)
                self.waiting[one.reference] = one
            sent.append(one)
        return tuple(sent)

    def refused(self, reference: int) -> None:
        """The service centre has not taken this one: no report will come."""
        self.waiting.pop(reference, None)

    def hear(self, tpdu: bytes) -> tuple[Sent, StatusReport] | None:
        """What an SMS-STATUS-REPORT is about; None for one about nothing that waits.  Raises TpduError."""
        report = decode_status_report(tpdu)
        sent = self.waiting.get(report.reference)
        if sent is None or sent.to != report.recipient.digits:
            return None
        del self.waiting[report.reference]
        return sent, report


def is_short_code(text: str) -> bool:
    """Whether an address is a short code: up to six digits, which no international number has here."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise TpduError("a destination: 1 to 20 digits expected")
    return len(text) <= 6
