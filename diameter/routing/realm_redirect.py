"""Redirection to a realm (RFC 7075): an agent that serves a realm no longer names the one that does.

Where RFC 6733 redirects to hosts, whoever follows routes by the realm named, as if the request had asked for it.
"""

from __future__ import annotations

from diameter.errors import RemoteFault, ResultCode
from diameter.message.message import Message


def realm_indication(answer: Message) -> str | None:
    """The Redirect-Realm of a realm redirect answer (3011); None for any other answer, and without a realm."""
    if not answer.error or answer.result != (0, ResultCode.REALM_REDIRECT_INDICATION):
        return None
    try:
        realm = answer.get("Redirect-Realm")
    except RemoteFault:
        return None
    return realm if isinstance(realm, str) and realm else None


def to_realm(request: Message, realm: str) -> Message:
    """The request for the realm named: a Destination-Host of the old one would be wrong there."""
    removed = ("Destination-Host", "Destination-Realm")
    return request.edit(remove=removed, add={"Destination-Realm": realm})
