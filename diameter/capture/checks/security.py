"""What stands in clear or goes outside that should not (RFC 6733 sections 2.1 and 2.2, TS 23.682, TS 33.187)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from diameter.capture.checks.past import Late
from diameter.capture.checks.rules import ERROR, NONE, WARNING, Found, Hit, rule, table
from diameter.capture.checks.sight import CAPABILITIES, Sight
from diameter.capture.records import Captured
from diameter.message import Avp

TSP: Final = 16777309
"""Application of the reference point between SCS and MTC-IWF: outside by its nature."""
SECURE_PORTS: Final = frozenset((5868, 5658))
"""IANA's port for Diameter over TLS and DTLS (RFC 6733 section 11.4), and the one printed in section 2.1."""
PPID_CLEAR: Final = 46
PPID_DTLS: Final = 47
INBAND_SECURITY_ID: Final = 299
TLS: Final = b"\0\0\0\1"
IMSI_NAMES: Final = frozenset(("User-Name", "3GPP-IMSI", "IMSI"))
_RUNS: Final = re.compile(rb"(?<![0-9])[0-9]{14,16}(?![0-9])")
_PPID: Final = re.compile(r"\bPPID (\d{1,10})\b")
_IN_USER_NAME: Final = b"\0\0\0\1"
_IN_3GPP_IMSI: Final = b"\0\0\x28\xaf"
_DEEPEST: Final = 16

IMSI: Final = table(
    "imsi-outside", ERROR, "TS 33.187 clause 4, TS 23.682 section 4.6",
    "A message outside holds an IMSI: of Tsp, or from or to a host or realm given with --outside.",
)  # fmt: skip


@rule("ppid-wrong", ERROR, "RFC 6733 sections 2.1 and 11.5", "An SCTP payload protocol identifier of something else.")
def ppid_wrong(one: Sight) -> Found:
    """46 is Diameter in clear, 47 Diameter in DTLS."""
    captured, ppid = one.captured, ppid_of(one.captured)
    wanted = {"sctp": PPID_CLEAR, "dtls": PPID_DTLS}.get(captured.transport, -1)
    if ppid <= 0 or wanted < 0 or ppid == wanted:
        return NONE
    if not one.connection.once(("ppid", captured.source, ppid)):
        return NONE
    where = "in clear" if captured.transport == "sctp" else "in DTLS"
    return (Hit(f"PPID {ppid} {where}, {wanted} is meant for it", f"PPID {ppid} {where}"),)


def ppid_of(captured: Captured) -> int:
    """The PPID on the wire, -1 for none known: a node that framed the message anew says it in the comment."""
    if "PPID " in captured.comment and (said := _PPID.search(captured.comment)):
        return int(said[1])
    return captured.ppid


@rule("ppid-unspecified", WARNING, "RFC 6733 section 2.1", "The SCTP payload protocol identifier is 0.")
def ppid_unspecified(one: Sight) -> Found:
    """A dedicated one SHOULD be used."""
    captured = one.captured
    if ppid_of(captured) != 0 or captured.transport not in ("sctp", "dtls"):
        return NONE
    if not one.connection.once(("ppid", captured.source, 0)):
        return NONE
    return (Hit(f"PPID 0, {46 if captured.transport == 'sctp' else 47} is meant for it", "PPID 0"),)


@rule("clear-on-secure-port", ERROR, "RFC 6733 sections 2.1 and 11.4", "Clear text on the port of TLS and DTLS.")
def clear_on_secure_port(one: Sight) -> Found:
    """Said once a connection."""
    captured = one.captured
    port = next((end[1] for end in (captured.source, captured.destination) if end[1] in SECURE_PORTS), 0)
    if not port or captured.transport not in ("tcp", "sctp") or not one.connection.once("secure port"):
        return NONE
    return (Hit(f"{captured.transport} in clear on port {port}", str(port)),)


@rule("clear-after-tls-chosen", ERROR, "RFC 6733 section 6.10", "CEA chose TLS, and the connection goes on in clear.")
def clear_after_tls_chosen(one: Sight) -> Found:
    """Inband-Security-Id TLS in CEA: the handshake follows.  Said once a connection."""
    if not one.connection.inband_tls or one.captured.transport not in ("tcp", "sctp"):
        return NONE
    if one.message.command_code == CAPABILITIES or not one.connection.once("inband"):
        return NONE
    return (Hit(f"{one.place.short} in clear after Inband-Security-Id TLS", "Inband-Security-Id"),)


@rule("clear-outside", WARNING, "RFC 6733 section 2.2", "A link to the outside has neither TLS nor DTLS.")
def clear_outside(one: Sight) -> Found:
    """Said once a connection; IPsec beneath is not seen here."""
    captured = one.captured
    if captured.transport not in ("tcp", "sctp") or not outside(one) or not one.connection.once("outside"):
        return NONE
    return (Hit(f"{one.place.short} over {captured.transport} in clear, unless IPsec protects it", captured.transport),)


def outside(one: Sight) -> bool:
    """Whether the message is on an outside interface, by its application or by an identity that was named."""
    if one.message.application_id == TSP:
        return True
    named = one.past.settings.outside
    if not named:
        return False
    ends = one.connection.identities
    names = [ends.get(one.captured.source, b""), ends.get(one.captured.destination, b"")]
    names += [one.raw(key) for key in (264, 296, 293, 283)]
    return any(_belongs(name.lower(), named) for name in names if name)


def _belongs(name: bytes, named: frozenset[bytes]) -> bool:
    """Whether a name is one of them, or lies in a realm of that name."""
    return name in named or any(name.endswith(b"." + one) for one in named)


# ---- IMSI ------------------------------------------------------------------------------------------------------------


def imsi_outside(one: Sight) -> Iterator[Hit]:
    """Identities that are known as IMSI, in any AVP as digits or TBCD; what is not known yet is kept as a suspect."""
    past = one.past
    if not outside(one):
        _learn(one)
        return
    for avp in _leaves(one.message.avps, 0):
        name, data = avp.name, avp.data
        for digits in _digits(data):
            frame = past.subscribers.get(digits)
            if frame is not None:
                yield _leak(one, avp, f"the IMSI that frame {frame} names")
            elif name in IMSI_NAMES and len(data) == len(digits):
                yield _leak(one, avp, f"an identity of {len(digits)} digits")
            else:
                past.suspects.put(digits, (one.place, avp.offset, name))
        if len(data) in (7, 8) and (frame := past.subscribers.get(data)) is not None:
            yield _leak(one, avp, f"the IMSI that frame {frame} names, as TBCD")


def _leak(one: Sight, avp: Avp, what: str) -> Hit:
    return Hit(f"{avp.name} holds {what}", f"{one.place.short} {avp.name}", avp.offset)


def _learn(one: Sight) -> None:
    """Note the IMSIs that stand in User-Name and 3GPP-IMSI, and report those that went outside before."""
    octets, past = one.message.octets, one.past
    for match in _RUNS.finditer(octets, 20):
        at = match.start()
        plain = octets[at - 8 : at - 4] == _IN_USER_NAME and octets[at - 4] < 0x80
        vendor = octets[at - 12 : at - 8] == _IN_USER_NAME and octets[at - 4 : at] == _IN_3GPP_IMSI
        if not plain and not vendor:
            continue
        for digits in _digits(match[0]):
            if digits in past.subscribers:
                continue
            frame = one.captured.frame
            past.subscribers.put(digits, frame)
            past.subscribers.put(_tbcd(digits), frame)
            suspect = past.suspects.pop(digits, None)
            if suspect is not None:
                place, offset, name = suspect
                text = f"{name} holds the IMSI that frame {frame} names"
                past.late.append(Late(IMSI.name, place, text, f"{place.short} {name}", offset))


def _digits(data: bytes) -> Iterator[bytes]:
    """IMSIs that the digits in `data` may be: 14 or 15, or behind the first digit of a root NAI (TS 23.003 19.3.2)."""
    for match in _RUNS.finditer(data):
        yield match[0][1:] if len(match[0]) == 16 else match[0]


def _tbcd(digits: bytes) -> bytes:
    halves = [digit & 15 for digit in digits] + [15] * (len(digits) & 1)
    return bytes(low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True))


def _leaves(avps: tuple[Avp, ...], depth: int) -> Iterator[Avp]:
    for avp in avps:
        members = avp.members if depth < _DEEPEST else ()
        if members:
            yield from _leaves(members, depth + 1)
        else:
            yield avp
