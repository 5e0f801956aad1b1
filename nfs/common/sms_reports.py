"""What a service centre tells a UE about a short message of its own: SMS-SUBMIT-REPORT and SMS-STATUS-REPORT.

TS 23.040 clauses 9.2.2.2a and 9.2.2.3.  The first answers the submission, the second says what became of it at the
other end.  `decode_*` raises `TpduError` for anything else; fields behind TP-PI are kept as they came (`parameters`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from nfs.common.sms_layout import STATUS_REPORT, SUBMIT_REPORT_ERROR, SUBMIT_REPORT_OK, SmsAddress, build, parse

STATUS_REPORT_MTI: Final = 2
"""TP-MTI of an SMS-STATUS-REPORT, service centre to UE."""


class Failed(IntEnum):
    """The values of TP-FCS that this project's service centre gives (9.2.3.22)."""

    PID_UNSUPPORTED = 0x8F
    TPDU_UNSUPPORTED = 0xB0
    SC_BUSY = 0xC0
    NO_SUBSCRIPTION = 0xC1
    SC_FAILURE = 0xC2
    INVALID_SME_ADDRESS = 0xC3


class Status(IntEnum):
    """The values of TP-ST that this project's service centre gives (9.2.3.15); a temporary one is not tried again."""

    RECEIVED = 0
    REMOTE_PROCEDURE_ERROR = 64
    CONNECTION_REJECTED = 66
    NOT_OBTAINABLE = 67
    NO_INTERWORKING = 69
    CONGESTION = 96
    NO_RESPONSE = 98


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitReport:
    """SMS-SUBMIT-REPORT: for RP-ACK when `failure_cause` is None, else for RP-ERROR.  `scts`: when the SC took it."""

    scts: datetime
    failure_cause: int | None = None
    indicator: int = 0
    parameters: bytes = b""

    def encode(self) -> bytes:
        """The TPDU; raises TpduError."""
        fields = {
            "first": {"mti": 1, "udhi": False},
            "fcs": self.failure_cause,
            "indicator": self.indicator,
            "scts": self.scts,
            "rest": self.parameters,
        }
        return build(SUBMIT_REPORT_OK if self.failure_cause is None else SUBMIT_REPORT_ERROR, fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """SMS-STATUS-REPORT about the SMS-SUBMIT with TP-MR `reference` to `recipient`.

    `scts`: when the service centre took that; `discharged`: when `status` (TP-ST, a `Status` or a number nobody knows)
    came about.  `parameters`: TP-PI and what follows it, b"" without.
    """

    reference: int
    recipient: SmsAddress
    scts: datetime
    discharged: datetime
    status: int
    more_messages: bool = False
    parameters: bytes = b""

    def encode(self) -> bytes:
        """The TPDU; raises TpduError."""
        first = {"mti": STATUS_REPORT_MTI, "mms": not self.more_messages, "lp": False, "srq": False, "udhi": False}
        return build(
            STATUS_REPORT,
            {
                "first": first,
                "reference": self.reference,
                "recipient": self.recipient,
                "scts": self.scts,
                "discharged": self.discharged,
                "status": self.status,
                "rest": self.parameters,
            },
        )


def decode_submit_report(octets: bytes, *, error: bool) -> SubmitReport:
    """SMS-SUBMIT-REPORT; `error` says that it came with RP-ERROR (the octets do not).  Raises TpduError."""
    fields = parse(SUBMIT_REPORT_ERROR if error else SUBMIT_REPORT_OK, octets)
    return SubmitReport(
        scts=fields["scts"],
        failure_cause=fields["fcs"] if error else None,
        indicator=fields["indicator"],
        parameters=fields["rest"],
    )


def decode_status_report(octets: bytes) -> StatusReport:
    """SMS-STATUS-REPORT from its octets; raises TpduError."""
    fields = parse(STATUS_REPORT, octets)
    return StatusReport(
        reference=fields["reference"],
        recipient=fields["recipient"],
        scts=fields["scts"],
        discharged=fields["discharged"],
        status=fields["status"],
        more_messages=not fields["first"]["mms"],
        parameters=fields["rest"],
    )
