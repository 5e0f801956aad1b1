"""A trigger as the row that it has in the store."""

from __future__ import annotations

from typing import Any

from nfs.mtc_iwf.ports import Device, Sender, State, Trigger


def values_of(trigger: Trigger) -> dict[str, str | float | None]:
    """The columns of a trigger but when it is over."""
    return {
        "scs": trigger.scs,
        "reference": trigger.reference,
        "member": trigger.member,
        "state": trigger.state.value,
        "external_id": trigger.device.external_id,
        "msisdn": trigger.device.msisdn,
        "imsi": trigger.imsi,
        "origin_host": trigger.sender.host,
        "origin_realm": trigger.sender.realm,
        "session_id": trigger.sender.session_id[:512],
        "end_to_end": trigger.sender.end_to_end,
        "fingerprint": trigger.fingerprint,
        "validity_s": trigger.validity_s,
        "sms_sc": trigger.sms_sc,
    }


def trigger_of(row: Any) -> Trigger:
    """The trigger of a row."""
    return Trigger(
        scs=row.scs,
        reference=row.reference,
        member=row.member,
        device=Device(external_id=row.external_id, msisdn=row.msisdn),
        imsi=row.imsi,
        sender=Sender(
            host=row.origin_host, realm=row.origin_realm, session_id=row.session_id, end_to_end=row.end_to_end
        ),
        fingerprint=row.fingerprint,
        validity_s=row.validity_s,
        state=State(row.state),
        sms_sc=row.sms_sc,
        expires_at=row.expires_at,
    )
