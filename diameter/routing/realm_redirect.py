"""Redirection to a realm (RFC 7075): an agent that serves a realm no longer names the one that does.

Where RFC 6733 redirects to hosts, whoever follows routes by the realm named, as if the request had asked for it.
Redirect-Host-Usage and Redirect-Max-Cache-Time say as there for what and how long that is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

from diameter.errors import RemoteFault, ResultCode
from diameter.message.message import Message
from diameter.routing.redirect import Usage, believed


@dataclass(frozen=True, slots=True, kw_only=True)
class RealmIndication:
    """What a realm redirect answer says."""

    realm: str
    usage: Usage
    cache_s: float


def realm_indication(answer: Message) -> RealmIndication | None:
    """Read a realm redirect answer (3011); None for any other answer, and without a realm."""
    if not answer.error or answer.result != (0, ResultCode.REALM_REDIRECT_INDICATION):
        return None
    try:
        realm = answer.get("Redirect-Realm")
        number, seconds = answer.get("Redirect-Host-Usage", 0), answer.get("Redirect-Max-Cache-Time", 0)
    except RemoteFault:
        return None
    if not isinstance(realm, str) or not realm:
        return None
    usage, cache_s = believed(number, seconds)
    return RealmIndication(realm=realm, usage=usage, cache_s=cache_s)


def to_realm(request: Message, realm: str) -> Message:
    """The request for the realm named: a Destination-Host of the old one would be wrong there."""
    removed = ("Destination-Host", "Destination-Realm")
    return request.edit(remove=removed, add={"Destination-Realm": realm})
