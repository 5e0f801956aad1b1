"""What is asked of the MTC-IWF and what it decides: requests, reports, limits and decisions, nothing of Diameter."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from diameter.errors import ResultCode
from nfs.common.features import Feature
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_iwf.ports import Device, Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an SCS may ask for at most.  `max_payload_octets` bounds what the SMS-SC has to cut into segments."""

    max_payload_octets: int = 1024
    max_validity_s: int = 7 * 86400
    default_validity_s: int = 86400
    """How long a trigger without Validity-Time is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAction:
    """What an SCS asks (Device-Action).  `payload` None: without Trigger-Data.  `validity_s` 0: try once."""

    device: Device
    reference: int
    action: int
    payload: bytes | None = None
    port: int | None = None
    priority: bool = False
    validity_s: int | None = None
    old_reference: int | None = None
    """Which trigger to recall or to replace (Old-Reference-Number)."""

    def fingerprint(self) -> str:
        """The same for a repeat of the same request, and for nothing else; tells nothing of the content."""
        parts = (self.device.external_id, self.device.msisdn, self.port, self.priority, self.validity_s)
        seed = repr((self.action, *parts, *(() if self.old_reference is None else (self.old_reference,)))).encode()
        return hashlib.blake2b(seed + b"\0" + (self.payload or b""), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the SMS-SC reports (T4).  `scs`: E.164 digits of the SME; `outcome` may be a number nobody knows."""

    scs: str
    reference: int | None
    outcome: int
    device: Device
    imsi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How a Device-Action ends: Request-Status with Result-Code 2001, or `result` where Tsp has no status.

    `check`: names the check that refused, for the audit; empty when nothing was refused on purpose.  `hidden`: the
    answer takes as long as every other of its kind.  `diagnostic`: MTC-Error-Diagnostic of the SMS-SC.  `target`: what
    the SMS-SC that was asked supports; None when none was.  `told`: what Error-Message says.
    """

    status: RequestStatus | None = None
    result: int = ResultCode.SUCCESS
    failed: str = ""
    check: str = ""
    reason: str = ""
    hidden: bool = False
    diagnostic: int | None = None
    target: Feature | None = None
    told: str = ""


def over(reason: str, status: RequestStatus) -> Decision:
    """What is asked goes beyond a limit."""
    return Decision(status=status, check="limits", reason=reason)


def missing(name: str) -> Decision:
    """An AVP that the action needs is not there."""
    return Decision(result=ResultCode.MISSING_AVP, failed=name, check="limits", reason=f"{name} is missing")


def refusal(action: DeviceAction, limits: Limits) -> Decision | None:
    """What can be said against an action by looking at it alone (TS 29.368 5.5, 5.7 and 5.8)."""
    if action.action != ActionType.TRIGGER and action.old_reference is None:
        return missing("Old-Reference-Number")
    if action.action == ActionType.RECALL:
        return None  # its payload, if there is one, goes nowhere
    if action.payload is None:
        return missing("Trigger-Data")
    if len(action.payload) > limits.max_payload_octets:
        return over("payload too long", RequestStatus.INVPAYLOAD)
    if action.port is not None and action.port > 0xFFFF:
        return over("application port beyond 16 bits", RequestStatus.INVPAYLOAD)
    if action.validity_s is not None and action.validity_s > limits.max_validity_s:
        return over("validity too long", RequestStatus.INVPERIOD)
    if action.action == ActionType.REPLACE and action.validity_s == 0:
        return over("a trigger that is not to be stored replaces none", RequestStatus.INVPERIOD)
    return None


AT_ONCE: Final[Mapping[Standing, Decision]] = {
    Standing.TAKEN: Decision(
        status=RequestStatus.PERMANENTERROR,
        check="reference",
        reason="Reference-Number belongs to another trigger of this SCS that is still open",
    ),
    Standing.OVER_QUOTA: Decision(
        status=RequestStatus.QUOTAEXCEEDED, check="quota", reason="a quota of the SCS, the device or all is used up"
    ),
    Standing.DONE: Decision(status=RequestStatus.SUCCESS),
}
"""What the ledger's standing answers without asking the SMS-SC."""
