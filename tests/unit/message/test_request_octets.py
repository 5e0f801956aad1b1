"""A request written and checked in one go is what `encode` makes of it, and refused with the same words."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter import encode
from diameter.errors import LocalError
from diameter.message.build import request_octets
from helpers.messages import S6A, dictionary

SOUND: Final[dict[str, Any]] = {
    "Session-Id": "a;1;2", "Vendor-Specific-Application-Id": {"Vendor-Id": 10415, "Auth-Application-Id": S6A},
    "Auth-Session-State": 1, "Origin-Host": "a.example", "Origin-Realm": "example", "Destination-Realm": "example",
    "User-Name": "001010123456789", "RAT-Type": 1004, "ULR-Flags": 34, "Visited-PLMN-Id": b"\x00\xf1\x10",
}  # fmt: skip
MORE: Final[dict[str, Any]] = {
    "Route-Record": ["a.example", "b.example"], "Supported-Features": {"Vendor-Id": 10415}, "User-Name": ["1", "2"],
    "Terminal-Information": {"IMEI": "35"}, "Result-Code": 2001, "No-Such-AVP": 1, "RAT-Type": "words",
    "Auth-Session-State": [], "Proxy-Info": {"Proxy-Host": "a.example", "Proxy-State": b"x"},
}  # fmt: skip


def _outcome(build: Any) -> Any:
    try:
        return build()
    except LocalError as error:
        return type(error), str(error)


def _both(avps: dict[str, Any], command: str = "Update-Location-Request") -> list[Any]:
    whole = dictionary()
    return [
        _outcome(lambda: encode(whole.request(command, avps, application=S6A, hop_by_hop=5, end_to_end=2**32 - 1))),
        _outcome(lambda: request_octets(whole, command, avps, S6A, 5, 2**32 - 1)),
    ]


@given(st.sets(st.sampled_from(sorted(SOUND))), st.sets(st.sampled_from(sorted(MORE))))
def test_one_go_or_two(without: set[str], more: set[str]) -> None:
    whole, at_once = _both(
        {name: value for name, value in SOUND.items() if name not in without - {"Session-Id"}}
        | {name: MORE[name] for name in sorted(more)}
    )
    assert at_once == whole


def test_what_is_in_order_is_octets() -> None:
    whole, at_once = _both(SOUND)
    assert isinstance(whole, bytes)
    assert at_once == whole


@pytest.mark.parametrize("command", ["Update-Location-Answer", "Nothing-Request"])
def test_what_is_no_request(command: str) -> None:
    whole, at_once = _both(SOUND, command)
    assert at_once == whole
    assert whole[1]
