"""Triggers and reports as JSON, for HTTP and for `mtc trigger --json` (docs/schema)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from nfs.common.identities import ExternalIdentifier, IdentityError, e164
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.logic import Report, TriggerRequest
from nfs.scs.mo_sms import ShortMessage

SCHEMA: Final = 1
_KEYS: Final[Mapping[str, type]] = {
    "external_identifier": str,
    "msisdn": str,
    "payload": str,
    "port": int,
    "priority": bool,
    "validity_s": int,
    "reference": int,
    "recall": int,
    "replace": int,
}
_LIMITS: Final[Mapping[str, int]] = {
    "port": 0xFFFF,
    "validity_s": 0xFFFF_FFFF,
    "reference": 0xFFFF_FFFF,
    "recall": 0xFFFF_FFFF,
    "replace": 0xFFFF_FFFF,
}


def request_from(form: object) -> TriggerRequest:
    """A request from its JSON object; raises ValueError with every complaint, a line each."""
    if not isinstance(form, dict):
        raise ValueError("a JSON object expected")
    wrong = [f"{key}: unknown key" for key in form if key not in _KEYS]
    values: dict[str, Any] = {}
    for key, kind in _KEYS.items():
        value = form.get(key)
        if value is None:
            continue
        if type(value) is not kind:
            wrong.append(
                f"{key}: must be {'a string' if kind is str else 'an integer' if kind is int else 'true or false'}"
            )
        elif isinstance(value, int) and kind is int and not 0 <= value <= _LIMITS[key]:
            wrong.append(f"{key}: 0 to {_LIMITS[key]}")
        else:
            values[key] = value
    wrong += _identities(values)
    try:
        values["payload"] = bytes.fromhex(values.get("payload", ""))
    except ValueError:
        wrong.append("payload: must be hexadecimal")
    if wrong:
        raise ValueError("\n".join(wrong))
    return TriggerRequest(**values)


def group_request_from(form: object) -> TriggerRequest:
    """The trigger of a group from its JSON object, or the recall of one; raises ValueError as `request_from` does."""
    if isinstance(form, dict):
        wrong = [f"{key}: not for a group" for key in ("msisdn", "replace") if form.get(key) is not None]
        if wrong:
            raise ValueError("\n".join(wrong))
    return replace(request_from(form), group=True)


def _identities(values: dict[str, Any]) -> list[str]:
    """Bring the identity to its canonical form; complaints."""
    if ("external_identifier" in values) == ("msisdn" in values):
        return ["external_identifier or msisdn, one of the two, expected"]
    try:
        if "msisdn" in values:
            values["msisdn"] = e164(values["msisdn"])
        else:
            values["external_identifier"] = str(ExternalIdentifier.parse(values["external_identifier"]))
    except IdentityError as error:
        return [str(error)]
    return []


def request_to(request: TriggerRequest) -> dict[str, Any]:
    """The JSON object of a request, absent members left out."""
    form: dict[str, Any] = {"payload": request.payload.hex(), "priority": request.priority}
    for key in ("external_identifier", "msisdn", "port", "validity_s", "reference", "recall", "replace"):
        value = getattr(request, key)
        if value is not None:
            form[key] = value
    return form


def report_to(report: Report) -> dict[str, Any]:
    """The JSON object of a report."""
    return {
        "schema": SCHEMA,
        "reference": report.reference,
        "stage": report.stage.value,
        "delivered": report.delivered,
        "request_status": named(RequestStatus, report.status),
        "result": None if report.result is None else {"vendor": report.result[0], "code": report.result[1]},
        "delivery_outcome": named(DeliveryOutcome, report.outcome),
        "took_s": round(report.took_s, 6),
        "error": report.error or None,
    }


def messages_to(messages: Iterable[ShortMessage], after: int) -> dict[str, Any]:
    """The JSON object of short messages, with the number to ask for more behind."""
    found = [
        {
            "number": each.number,
            "external_identifier": each.external_identifier,
            "to": each.to,
            "port": each.port,
            "payload": each.payload.hex(),
            "coding": each.coding,
            "reference": each.reference,
        }
        for each in messages
    ]
    return {"schema": SCHEMA, "messages": found, "after": found[-1]["number"] if found else after}


def named(kind: type[RequestStatus] | type[DeliveryOutcome], value: int | None) -> str | None:
    """The name of a value; of one that has none the number as text."""
    if value is None:
        return None
    return next((member.name for member in kind if member == value), str(value))
