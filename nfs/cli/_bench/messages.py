"""The messages that `mtc bench` measures with, as names and values; every stack builds and reads the same ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, encode
from diameter.message.members import Members

APPLICATION: Final = 16777251
"""S6a (TS 29.272), because every stack that is compared has it."""
CLIENT: Final = "client.example.net"
SERVER: Final = "server.example.net"
REALM: Final = "example.net"
_APPLICATION_IDS: Final = {"Vendor-Id": 10415, "Auth-Application-Id": APPLICATION}
_FEATURES: Final = {"Vendor-Id": 10415, "Feature-List-ID": 1, "Feature-List": 0x1C000607}


def session(number: int) -> str:
    """The Session-Id of the request with this number; all are equally long, and the first is 52 octets from the start
    of a message.
    """
    return f"mme01.pool07.operator.example.net;{number:010};42;s6a"


UPDATE_LOCATION: Final[dict[str, Any]] = {
    "Session-Id": session(1700000000),
    "Vendor-Specific-Application-Id": _APPLICATION_IDS,
    "Auth-Session-State": 1,
    "Origin-Host": "mme01.pool07.operator.example.net",
    "Origin-Realm": "operator.example.net",
    "Destination-Host": "hss01.operator.example.net",
    "Destination-Realm": "operator.example.net",
    "User-Name": "001010123456789",
    "Supported-Features": _FEATURES,
    "Terminal-Information": {"IMEI": "35299708123456", "Software-Version": "78"},
    "RAT-Type": 1004,
    "ULR-Flags": 34,
    "Visited-PLMN-Id": b"\x00\xf1\x10",
    "UE-SRVCC-Capability": 1,
    "Route-Record": "dra01.operator.example.net",
}
"""The medium message: Update-Location-Request, 496 octets, 22 AVPs in three groups and at the top."""

FIVE: Final = ("Session-Id", "Origin-Host", "User-Name", "ULR-Flags", "RAT-Type")
"""What a server reads of it."""
TWO: Final = ("Destination-Realm", "Destination-Host")
"""What a relay reads of it."""

RELAY: Final = "decode, two values, no faults (relay)"
FIVE_VALUES: Final = "decode, faults, five values"
EVERY: Final = "decode, faults, every value"
WITH_ARITY: Final = "build with arity check"
"""The operations of a codec."""

LOAD: Final = {
    **{name: value for name, value in UPDATE_LOCATION.items() if name != "Route-Record"},
    "Origin-Host": CLIENT,
    "Origin-Realm": REALM,
    "Destination-Host": SERVER,
    "Destination-Realm": REALM,
}
"""The request of the end-to-end load."""
ANSWER: Final[dict[str, Any]] = {
    "Vendor-Specific-Application-Id": _APPLICATION_IDS,
    "Auth-Session-State": 1,
    "Supported-Features": _FEATURES,
    "ULA-Flags": 1,
}
"""What the answer to it carries beside Session-Id, Result-Code and the origin."""
SHARED_REALM: Final = "shared.example.org"
"""The realm whose requests all of many peers share."""


def peer_name(number: int) -> str:
    """The identity of one of many peers; all are equally long."""
    return f"peer{number:05}.{REALM}"


def route_realm(number: int) -> str:
    """A realm that a route leads to; all are equally long."""
    return f"realm{number:05}.example.org"


def capabilities(host: str) -> dict[str, Any]:
    """The AVPs of a CER or CEA of a peer that speaks the application of the load."""
    return {
        "Origin-Host": host,
        "Origin-Realm": REALM,
        "Host-IP-Address": "127.0.0.1",
        "Vendor-Id": 10415,
        "Product-Name": "mtc bench",
        "Origin-State-Id": 1,
        "Supported-Vendor-Id": 10415,
        "Auth-Application-Id": APPLICATION,
        "Vendor-Specific-Application-Id": _APPLICATION_IDS,
    }


def write(folder: Path) -> None:
    """Write every message of the load into `folder`: NAME.bin as octets, NAME.txt as lines for programs in C.

    A text has a line "FLAGS COMMAND APPLICATION", then one for each AVP, groups before their members: "DEPTH CODE
    VENDOR FLAGS TYPE HEX NAME", a lone "-" for no data.
    """
    dictionary = Dictionary.load()
    ids: dict[str, Any] = {"hop_by_hop": 1, "end_to_end": 1}
    request = dictionary.request("Update-Location", LOAD, application="S6a", **ids)
    origin = {"Origin-Host": SERVER, "Origin-Realm": REALM}
    cer = dictionary.request("Capabilities-Exchange", capabilities(CLIENT), **ids)
    dwr = dictionary.request("Device-Watchdog", {"Origin-Host": CLIENT, "Origin-Realm": REALM}, **ids)
    for name, message in {
        "request": request,
        "answer": request.answer(2001, ANSWER | origin),
        "cer": cer,
        "cea": cer.answer(2001, capabilities(SERVER)),
        "dwa": dwr.answer(2001, origin),
        "medium": dictionary.request("Update-Location", UPDATE_LOCATION, application="S6a", **ids),
    }.items():
        (folder / f"{name}.bin").write_bytes(encode(message))
        head = f"{message.flags} {message.command_code} {message.application_id}"
        (folder / f"{name}.txt").write_text("\n".join([head, *_lines(message, 0)]) + "\n")


def _lines(members: Members, depth: int) -> list[str]:
    """The AVPs of `write`'s text form."""
    out: list[str] = []
    for one in members.avps:
        assert one.definition is not None
        data = "-" if one.members else one.data.hex()
        kind = one.definition.type
        out.append(f"{depth} {one.code} {one.vendor} {one.flags} {kind} {data} {one.name}")
        if one.members:
            out += _lines(members.group(one.name), depth + 1)
    return out
