"""Capabilities exchange, identities and disconnection of one connection (RFC 6733 sections 5.3, 5.4 and 5.6)."""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.rules import ANSWER, ERROR, NONE, REQUEST, WARNING, Found, Hit, rule
from diameter.capture.checks.sight import CAPABILITIES, DISCONNECT, ORIGIN_HOST, Sight, text_of
from diameter.wire import avp, core

AUTH_APPLICATION_ID: Final = 258
ACCT_APPLICATION_ID: Final = 259
VENDOR_SPECIFIC_APPLICATION_ID: Final = 260
RELAY: Final = 0xFFFFFFFF
_IDS: Final = (AUTH_APPLICATION_ID, ACCT_APPLICATION_ID)


def advertised(one: Sight) -> frozenset[int]:
    """The applications that a CER or CEA names."""
    wire = one.message.octets
    found = {int.from_bytes(data) for key in _IDS for _, data in one.every(key) if len(data) == 4}
    for head, _ in one.every(VENDOR_SPECIFIC_APPLICATION_ID):
        keys: list[int] = []
        heads: list[int] = []
        core.index(wire, *avp.span(wire, head), keys, heads)
        for key, inner in zip(keys, heads, strict=True):
            start, end = avp.span(wire, inner)
            if key in _IDS and end - start == 4:
                found.add(int.from_bytes(wire[start:end]))
    return frozenset(found)


@rule("cer-first", ERROR, "RFC 6733 section 5.6", "A connection does not begin with CER and CEA.")
def cer_first(one: Sight) -> Found:
    """Only of connections whose beginning was captured."""
    connection = one.connection
    if not connection.begun or one.message.command_code == CAPABILITIES:
        return NONE
    if connection.last is None:
        return (Hit(f"{one.place.short} is the first message of its connection", one.place.short),)
    if connection.cea_code < 0 and connection.cer_from is not None and connection.once("before CEA"):
        return (Hit(f"{one.place.short} before the CEA", one.place.short),)
    return NONE


@rule("cer-again", ERROR, "RFC 6733 section 5.6", "A second CER on a connection that is open.", REQUEST)
def cer_again(one: Sight) -> Found:
    """No state but the first has a place for it."""
    connection = one.connection
    if one.message.command_code != CAPABILITIES or connection.closed or connection.last is None:
        return NONE
    if connection.cer_from is None:
        return (Hit("CER on a connection that was in use before", "after other messages"),)
    if connection.cer_from == one.captured.source:
        return (Hit("a second CER from the same side", "same side"),)
    return (Hit("CER from the side that answers CER", "other side"),)


@rule("after-refusal", ERROR, "RFC 6733 section 5.3", "A request on a connection whose CER was refused.", REQUEST)
def after_refusal(one: Sight) -> Found:
    """A CEA without success closes the connection."""
    code = one.connection.cea_code
    if code < 0 or 2000 <= code < 3000 or one.message.command_code == CAPABILITIES or one.connection.closed:
        return NONE
    return (Hit(f"{one.place.short} after a CEA with Result-Code {code}", one.place.short),)


@rule(
    "application-not-advertised", ERROR, "RFC 6733 section 5.3",
    "A request of an application that the receiver has not advertised in CER or CEA.", REQUEST,
)  # fmt: skip
def application_not_advertised(one: Sight) -> Found:
    """Said only where the receiver's CER or CEA was captured; relays take all."""
    wanted = one.message.application_id
    offered = one.connection.advertised.get(one.captured.destination)
    if not wanted or offered is None or wanted in offered or RELAY in offered or one.between_neighbours:
        return NONE
    listed = ", ".join(str(number) for number in sorted(offered)[:8]) or "none"
    text = f"application {wanted} to a peer that advertised {listed}"
    return (Hit(text, f"{one.place.short} {wanted}", 8),)


@rule(
    "no-common-application", WARNING, "RFC 6733 section 5.3",
    "CEA says success, but the two have no application in common.", ANSWER,
)  # fmt: skip
def no_common_application(one: Sight) -> Found:
    """The answer to that is 5010."""
    offered = one.connection.advertised.get(one.captured.destination)
    if one.message.command_code != CAPABILITIES or offered is None or one.result_code != 2001:
        return NONE
    own = advertised(one)
    if own & offered or RELAY in own or RELAY in offered:
        return NONE
    return (Hit("no application in common, and Result-Code 2001", one.place.short),)


@rule(
    "origin-host-changed",
    ERROR,
    "RFC 6733 section 5.3",
    "A peer names itself otherwise than before on the same connection.",
)
def origin_host_changed(one: Sight) -> Found:
    """By messages that are never forwarded."""
    before, now = one.identity, one.raw(ORIGIN_HOST)
    if not one.between_neighbours or not before or not now or before.lower() == now.lower():
        return NONE
    if one.message.command_code == CAPABILITIES and one.message.request and one.connection.closed:
        return NONE
    return (Hit(f"Origin-Host {text_of(now)}, before {text_of(before)}", text_of(now), one.find(ORIGIN_HOST)),)


@rule("same-identity", ERROR, "RFC 6733 section 6.3", "Both ends of a connection have the same Origin-Host.", ANSWER)
def same_identity(one: Sight) -> Found:
    """Seen in CEA, which answers CER."""
    now = one.raw(ORIGIN_HOST)
    other = one.connection.identities.get(one.captured.destination, b"")
    if one.message.command_code != CAPABILITIES or not now or now.lower() != other.lower():
        return NONE
    return (Hit(f"both ends are {text_of(now)}", text_of(now), one.find(ORIGIN_HOST)),)


@rule("after-disconnect", WARNING, "RFC 6733 section 5.4", "Traffic from a peer that has taken its leave.")
def after_disconnect(one: Sight) -> Found:
    """A request of who sent DPR, or anything of who sent DPA; what comes from the other side may have crossed."""
    connection, source = one.connection, one.captured.source
    if connection.closed or one.message.command_code in (DISCONNECT, CAPABILITIES):
        return NONE
    if source in connection.parted:
        return (Hit(f"{one.place.short} after its DPA", f"{one.place.short} after DPA"),)
    if one.message.request and source in connection.disconnecting:
        return (Hit(f"{one.place.short} after its DPR", f"{one.place.short} after DPR"),)
    return NONE
