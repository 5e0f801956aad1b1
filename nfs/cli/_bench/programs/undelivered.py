"""What a load of triggers says of each that was not delivered: a line BAD before its END, with how far it came."""

from __future__ import annotations

from typing import Final

from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.form import named
from nfs.scs.logic import Report, Stage

BAD: Final = "BAD "
SHOWN: Final = 20
"""Lines of one load at most: what befalls all is known from the first of them."""
_MISSING: Final = {Stage.SENT: "no answer yet", Stage.ACCEPTED: "accepted, no report yet"}


def bad_line(report: Report) -> str:
    """The line: Reference-Number (octets too), stage, result, Request-Status, Delivery-Outcome, time, what failed."""
    words = [_MISSING.get(report.stage, report.stage.value)]
    if report.result is not None:
        vendor, code = report.result
        words.append(f"Experimental-Result-Code {code} of {vendor}" if vendor else f"Result-Code {code}")
    if report.status is not None:
        words.append(f"Request-Status {named(RequestStatus, report.status)}")
    if report.outcome is not None:
        words.append(f"Delivery-Outcome {named(DeliveryOutcome, report.outcome)}")
    error = f": {report.error}" if report.error else ""
    who = f"reference {report.reference} (octets {report.reference:08x})"
    return " ".join(f"{BAD}{who}: {', '.join(words)} after {report.took_s:.3f} s{error}".split())


def of_line(line: str) -> str:
    """What such a line says, "" for another one."""
    return line.removeprefix(BAD) if line.startswith(BAD) else ""
