"""Tsp, the SCS's side: a Device-Notification-Request with a device's short message (TS 29.368 5.9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from diameter import Message
from diameter.errors import ApplicationFault, ResultCode
from diameter.message import Grouped
from nfs.scs.mo_sms import Messages, Taking

_RESULTS: Final[Mapping[Taking, int]] = {
    Taking.TAKEN: ResultCode.SUCCESS,
    Taking.FULL: ResultCode.TOO_BUSY,
    Taking.NOBODY: ResultCode.UNABLE_TO_COMPLY,
    Taking.UNREADABLE: ResultCode.INVALID_AVP_VALUE,
}


async def short_message(request: Message, notification: Grouped, messages: Messages) -> Message:
    """Take the message and answer.  Raises ApplicationFault for one without sender or TPDU, StoreError."""
    for name in ("External-Identifier", "SM-RP-UI"):
        if messages.wanted and name not in notification:
            raise ApplicationFault(ResultCode.MISSING_AVP, f"a short message without {name}")
    taking = await messages.taken(
        request.text("Origin-Host"),
        str(notification.get("External-Identifier", "")),
        notification.number("Reference-Number"),
        bytes(notification.get("SM-RP-UI", b"")),
    )
    avps: dict[str, Any] = {}
    if taking is Taking.NOBODY:
        avps["Error-Message"] = "nobody here takes short messages"
    if taking is Taking.UNREADABLE:
        avps["Failed-AVP"] = request.quote("Device-Notification", "SM-RP-UI")
    return request.answer(_RESULTS[taking], avps)
