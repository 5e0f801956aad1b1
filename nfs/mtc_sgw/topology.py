"""What a message to the outside would tell of the inside, taken out or put under the gateway's own name.

Origin-Host and Origin-Realm, and Error-Reporting-Host, of an inner node become the gateway's; Route-Record, the
Proxy-Info of inner nodes and redirections to inner nodes go; so do an Error-Message, a Failed-AVP and what is said of
load that hold the name of one.  What then still holds such a name is held back by `outbound_private`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from diameter import Message

TELLING: Final = ("Error-Message", "Failed-AVP", "Load", "OC-Supported-Features", "OC-OLR")
"""What goes when it names an inner node: whose load it is that is told is in there too (RFC 8583, RFC 8581)."""
REDIRECTION: Final = ("Redirect-Host", "Redirect-Host-Usage", "Redirect-Max-Cache-Time")


def hide(message: Message, *, host: str, realm: str, words: Collection[bytes]) -> Message:
    """The message as the outside may see it, the same object when there was nothing to hide.

    host, realm: the gateway's own.  words: names of inner nodes, lower case.
    """
    octets = message.octets.lower()
    inner = any(word in octets for word in words)
    if not inner and "Route-Record" not in message:
        return message
    replace: dict[str, Any] = {}
    remove: list[str] = []
    if "Route-Record" in message:
        remove.append("Route-Record")
    if inner:
        if _inner(message, "Origin-Host", words):
            replace |= {"Origin-Host": host, "Origin-Realm": realm}
        if _inner(message, "Error-Reporting-Host", words):
            replace["Error-Reporting-Host"] = host
        remove += [name for name in TELLING if _inner(message, name, words)]
        if _inner(message, "Redirect-Host", words):
            remove += [name for name in REDIRECTION if name in message]
        _proxies(message, words, replace, remove)
    return message.edit(remove=tuple(remove), replace=replace or None)


def _inner(message: Message, name: str, words: Collection[bytes]) -> bool:
    """Whether any AVP of this name holds the name of an inner node."""
    return any(word in avp.octets.lower() for avp in message.avps if avp.name == name for word in words)


def _proxies(message: Message, words: Collection[bytes], replace: dict[str, Any], remove: list[str]) -> None:
    """Keep the Proxy-Info of outer proxies alone: theirs must come back to them (RFC 6733 section 6.2)."""
    every = [avp for avp in message.avps if avp.name == "Proxy-Info"]
    kept = [avp.data for avp in every if not any(word in avp.octets.lower() for word in words)]
    if len(kept) == len(every):
        return
    if kept:
        replace["Proxy-Info"] = kept
    else:
        remove.append("Proxy-Info")
