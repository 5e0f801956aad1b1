"""Groups and members as rows of the store, and back."""

from __future__ import annotations

from typing import Any

from nfs.mtc_iwf.groups.ports import Entry, GroupTrigger, Member, Progress
from nfs.mtc_iwf.ports import Device, Sender, Trigger


def as_trigger(group: GroupTrigger, member: Member) -> Trigger:
    """What counts in the quotas for one member."""
    return Trigger(
        scs=group.scs,
        reference=group.reference,
        device=Device(external_id=member.external_id),
        imsi=member.imsi,
        sender=group.sender,
        fingerprint=group.fingerprint,
        validity_s=group.lasts_s,
        member=member.imsi,
    )


def trigger_row(group: GroupTrigger, expires_at: float) -> dict[str, Any]:
    """The group among the triggers."""
    return {
        "scs": group.scs,
        "reference": group.reference,
        "member": "",
        "imsi": "",
        "origin_host": group.sender.host,
        "origin_realm": group.sender.realm,
        "session_id": group.sender.session_id[:512],
        "end_to_end": group.sender.end_to_end,
        "fingerprint": group.fingerprint,
        "validity_s": group.lasts_s,
        "sms_sc": "",
        "expires_at": expires_at,
    }


def group_row(group: GroupTrigger, members: int, expires_at: float) -> dict[str, Any]:
    """The group in its own table."""
    return {
        "scs": group.scs,
        "reference": group.reference,
        "group_id": group.group,
        "payload": group.payload,
        "port": group.port,
        "priority": group.priority,
        "validity_s": group.validity_s,
        "lasts_s": group.lasts_s,
        "members": members,
        "unreported": members,
        "reached": 0,
        "busy": True,
        "accepted_at": group.accepted_at,
        "expires_at": expires_at,
        "recalls": group.recalls,
    }


def group_of(row: Any, own: Any) -> GroupTrigger:
    """A group from its row, and from the one that it has among the triggers."""
    return GroupTrigger(
        scs=row.scs,
        reference=row.reference,
        group=row.group_id,
        sender=_sender(own),
        fingerprint=own.fingerprint,
        payload=row.payload or b"",
        port=row.port,
        priority=row.priority,
        validity_s=row.validity_s,
        lasts_s=row.lasts_s,
        accepted_at=row.accepted_at,
        recalls=row.recalls,
    )


def entry(row: Any) -> Entry:
    """One member's trigger."""
    return Entry(
        scs=row.scs,
        reference=row.reference,
        member=Member(imsi=row.imsi, external_id=row.external_id or ""),
        sender=_sender(row),
        progress=Progress(row.state),
        outcome=row.outcome,
        sms_sc=row.sms_sc,
    )


def _sender(row: Any) -> Sender:
    return Sender(host=row.origin_host, realm=row.origin_realm, session_id=row.session_id, end_to_end=row.end_to_end)
