"""Capabilities exchange, RFC 6733 section 5.3: what we say of ourselves, what a peer said, and whether the two go
together.

Nothing here sends: `check_cer` and `check_cea` return a `Refusal` (how to answer, and why) or None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from diameter.errors import REFUSE, MissingAvp, ResultCode
from diameter.peer.election import same_identity
from diameter.peer.inputs import ORDINARY, Habits
from diameter.peer.sharing import shared

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from diameter.message import Message

CAPABILITIES_EXCHANGE: Final = 257
"""Command code of CER and CEA."""

RELAY: Final = 0xFFFFFFFF
"""Application-Id of relays: has every application in common with everybody (section 2.4)."""

NO_INBAND_SECURITY: Final = 0
"""Inband-Security-Id (section 6.10): no TLS inside the connection, the default when the AVP is absent."""


_NEEDED: Final = frozenset({"Result-Code", "Origin-Host", "Origin-Realm"})


@dataclass(frozen=True, slots=True, order=True)
class Advertised:
    """One application as CER and CEA name it: bare, or with `vendor` inside a Vendor-Specific-Application-Id
    (section 6.11).
    """

    id: int
    vendor: int = 0
    accounting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalIdentity:
    """What this node says of itself in CER and CEA.

    origin_state_id: 0 says nothing (section 8.16).  addresses: Host-IP-Address where a link does not tell its own; one
    of the two must, since CER and CEA require it.
    """

    origin_host: str
    origin_realm: str
    product_name: str = "mtc-diameter"
    vendor_id: int = 0
    firmware_revision: int | None = None
    supported_vendors: tuple[int, ...] = ()
    applications: tuple[Advertised, ...] = ()
    origin_state_id: int = 0
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()

    @property
    def application_ids(self) -> frozenset[int]:
        """Ids of every application advertised."""
        return frozenset(application.id for application in self.applications)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a peer's CER or CEA said (sections 5.3.1, 5.3.2).

    addresses: Host-IP-Address values as `wire.types` reads them.  inband_security: empty when the AVP was absent.
    """

    origin_host: str
    origin_realm: str
    product_name: str = ""
    vendor_id: int = 0
    firmware_revision: int | None = None
    addresses: tuple[object, ...] = ()
    supported_vendors: frozenset[int] = frozenset()
    applications: frozenset[Advertised] = frozenset()
    inband_security: frozenset[int] = frozenset()
    origin_state_id: int = 0

    @property
    def application_ids(self) -> frozenset[int]:
        """Ids of every application advertised; the Vendor-Id beside an id does not count (section 5.3)."""
        return shared(frozenset(application.id for application in self.applications))

    @property
    def relay(self) -> bool:
        """True when the peer advertises the relay application."""
        return RELAY in self.application_ids

    def supports(self, application_id: int) -> bool:
        """True when requests of this application may be sent to the peer (section 5.3): it, or relaying, is
        advertised.
        """
        return not self.application_ids.isdisjoint((application_id, RELAY))


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is refused.  code: Result-Code to answer with, or, with `by_peer`, the one received.

    failed: content of Failed-AVP, octets or names and values; empty for none.
    """

    code: int | None
    reason: str
    failed: bytes | tuple[tuple[str, int], ...] = b""
    by_peer: bool = False


def refusing(message: Message) -> Refusal | None:
    """The first fault of a message that calls for an error answer (section 7)."""
    for fault in message.faults:
        if fault.verdict == REFUSE:
            return Refusal(int(fault.result_code), fault.text, fault.failed_avp)
    return None


def read(message: Message, habits: Habits = ORDINARY) -> Capabilities:
    """What a CER or CEA says, which has Origin-Host and Origin-Realm and no other fault than AVPs that lack; and what
    is known of the peer besides.
    """
    said = Capabilities(
        origin_host=message.text("Origin-Host"),
        origin_realm=shared(message.text("Origin-Realm")),
        product_name=shared(message.get("Product-Name", "")),
        vendor_id=message.get("Vendor-Id", 0),
        firmware_revision=message.get("Firmware-Revision"),
        addresses=shared(message.all("Host-IP-Address")),
        supported_vendors=shared(frozenset(message.all("Supported-Vendor-Id")) - {0}),
        applications=shared(frozenset(_applications(message))),
        inband_security=shared(frozenset(message.all("Inband-Security-Id"))),
        origin_state_id=message.get("Origin-State-Id", 0),
    )
    if habits.relay_serves_all and not habits.assumed:
        return said
    named = {one for one in said.applications if one.id != RELAY or habits.relay_serves_all}
    return replace(said, applications=shared(frozenset(named | {Advertised(number) for number in habits.assumed})))


def _applications(message: Message) -> Iterator[Advertised]:
    scopes: list[tuple[Any, int]] = [(message, 0)]
    scopes += [(group, group.get("Vendor-Id", 0)) for group in message.all("Vendor-Specific-Application-Id")]
    for scope, vendor in scopes:
        for name in ("Auth-Application-Id", "Acct-Application-Id"):
            for number in scope.all(name):
                yield Advertised(number, vendor, name == "Acct-Application-Id")


def common(local: LocalIdentity, remote: Capabilities) -> bool:
    """True when an application is common to both; a relay on either side has all of them (section 5.3)."""
    ours, theirs = local.application_ids, remote.application_ids
    return RELAY in ours or RELAY in theirs or not ours.isdisjoint(theirs)


def check_cer(
    cer: Message, local: LocalIdentity, host: str, *, secure: bool, habits: Habits = ORDINARY
) -> Refusal | None:
    """Why a CER cannot be accepted from the peer configured as `host`; None when it can.  secure: the link is
    protected.
    """
    refusal = refusing(cer) or _malformed_vendor_application(cer)
    if refusal is not None:
        return refusal
    said = read(cer, habits)
    if same_identity(said.origin_host, local.origin_host):
        return Refusal(ResultCode.UNKNOWN_PEER, f"{said.origin_host} is this node itself")
    if not same_identity(said.origin_host, host):
        return Refusal(ResultCode.UNKNOWN_PEER, f"Origin-Host {said.origin_host} is not {host}")
    if not common(local, said):
        return Refusal(ResultCode.NO_COMMON_APPLICATION, "no application in common")
    if not secure and said.inband_security and NO_INBAND_SECURITY not in said.inband_security:
        return Refusal(ResultCode.NO_COMMON_SECURITY, "TLS inside the connection is not offered; connect by TLS")
    return None


def check_cea(cea: Message, local: LocalIdentity, host: str, habits: Habits = ORDINARY) -> Refusal | None:
    """Why a CEA does not open the connection to the peer configured as `host`; None when it does.

    A result that is no success counts before anything else, with or without the E bit: some peers leave it out of
    3xxx, others set it in 5xxx.
    """
    faulty = _unusable(cea) if habits.incomplete_cea else refusing(cea)
    result = cea.result
    if result is not None and not 2000 <= result[1] < 3000:
        text = "" if faulty is not None else cea.get("Error-Message", "")
        reason = f"refused by the peer with {result[1]}" + (f": {text}" if text else "")
        return Refusal(result[1], reason, by_peer=True)
    if faulty is not None:
        return Refusal(None, f"CEA with a fault: {faulty.reason}")
    said = read(cea, habits)
    if not same_identity(said.origin_host, host):
        return Refusal(None, f"Origin-Host {said.origin_host} answers where {host} was configured")
    if not common(local, said):
        return Refusal(None, "no application in common")
    return None


def _unusable(cea: Message) -> Refusal | None:
    """The first fault of a CEA that a peer cannot be used with: anything but AVPs that lack and say nothing needed."""
    for fault in cea.faults:
        if fault.verdict == REFUSE and not (isinstance(fault, MissingAvp) and _NEEDED.isdisjoint(fault.path)):
            return Refusal(int(fault.result_code), fault.text, fault.failed_avp)
    return None


def _malformed_vendor_application(cer: Message) -> Refusal | None:
    """Section 6.11: exactly one of Auth- and Acct-Application-Id, which the group's grammar cannot say."""
    for group in cer.all("Vendor-Specific-Application-Id"):
        found = tuple((name, group[name]) for name in ("Auth-Application-Id", "Acct-Application-Id") if name in group)
        if not found:
            example = (("Auth-Application-Id", 0), ("Acct-Application-Id", 0))
            return Refusal(ResultCode.MISSING_AVP, "Vendor-Specific-Application-Id without an application", example)
        if len(found) > 1:
            return Refusal(
                ResultCode.AVP_OCCURS_TOO_MANY_TIMES, "Vendor-Specific-Application-Id with two applications", found
            )
    return None
