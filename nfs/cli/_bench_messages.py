"""The messages that `mtc bench` measures with, as names and values; every stack builds and reads the same ones."""

from __future__ import annotations

from typing import Any, Final

APPLICATION: Final = 16777251
"""S6a (TS 29.272), because every stack that is compared has it."""
CLIENT: Final = "client.example.net"
SERVER: Final = "server.example.net"
REALM: Final = "example.net"
_APPLICATION_IDS: Final = {"Vendor-Id": 10415, "Auth-Application-Id": APPLICATION}
_FEATURES: Final = {"Vendor-Id": 10415, "Feature-List-ID": 1, "Feature-List": 0x1C000607}

UPDATE_LOCATION: Final[dict[str, Any]] = {
    "Session-Id": "mme01.pool07.operator.example.net;1700000000;42;s6a",
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


def peer_name(number: int) -> str:
    """The identity of one of many peers; all are equally long."""
    return f"peer{number:05}.{REALM}"


def route_realm(number: int) -> str:
    """A realm that a route leads to; all are equally long."""
    return f"realm{number:05}.example.org"
