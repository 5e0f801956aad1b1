"""JSON of every data format, whole and short (RFC 6733 sections 4.2 and 4.3)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from diameter import LocalError, Message
from diameter.message.json import as_dict, from_dict
from diameter.wire.types import OtherAddress
from helpers.messages import dictionary

VALUES: list[tuple[str, Any, Any]] = [
    ("Host-IP-Address", "192.0.2.1", "192.0.2.1"),
    ("Host-IP-Address", "2001:db8::1", "2001:db8::1"),
    ("Host-IP-Address", OtherAddress(8, b"15551234567"), {"family": 8, "data": b"15551234567".hex()}),
    ("Event-Timestamp", datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC), "2036-02-07T06:28:16+00:00"),
    ("Class", b"\0\xff", "00ff"),
    ("Accounting-Sub-Session-Id", 1 << 63, 1 << 63),
    ("Redirect-Host", "aaa://a.example;transport=tcp", "aaa://a.example;transport=tcp"),
    ("User-Name", "Zürich", "Zürich"),
    ("Auth-Session-State", 1, 1),
    ("Experimental-Result", {"Vendor-Id": 1}, [{"name": "Vendor-Id", "value": 1}]),
]


@pytest.mark.parametrize(("name", "value", "shown"), VALUES, ids=[f"{one[0]}-{n}" for n, one in enumerate(VALUES)])
def test_value_in_json_and_back(name: str, value: Any, shown: Any) -> None:
    message = dictionary().request("Device-Watchdog", {name: value})
    (one,) = as_dict(message)["avps"]
    if isinstance(shown, list):
        assert [(member["name"], member["value"]) for member in one["value"]] == [("Vendor-Id", 1)]
    else:
        assert one["value"] == shown
    assert "data" not in one
    assert Message.from_json(message.to_json(indent=1), dictionary()).octets == message.octets
    by_name = {"command": "DWR", "avps": [{"name": name, "value": shown}]}
    assert from_dict(by_name, dictionary()).octets == message.octets


def test_octets_that_are_no_value_go_along_as_data() -> None:
    odd = dictionary().request("Device-Watchdog", {"User-Name": "abc"}).octets.replace(b"abc\0", b"\xffbc\1")
    (one,) = json.loads(Message(odd, dictionary()).to_json())["avps"]
    assert (one["data"], one["padding"]) == ("ff6263", "01")
    assert Message.from_json(Message(odd, dictionary()).to_json(), dictionary()).octets == odd


def test_named_bits_and_values_by_name() -> None:
    short = {
        "command": "DAR",
        "application": "Tsp",
        "request": True,
        "avps": {"Device-Action": {"Action-Type": "DELIVERY_REPORT", "Reference-Number": 1}},
    }
    assert from_dict(short, dictionary())["Device-Action"]["Action-Type"] == 2


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"application": "Nobody"}, "Nobody"),
        ({"command": "DWR", "avps": {"Event-Timestamp": "yesterday"}}, "Event-Timestamp"),
        ({"command": "DWR", "avps": {"Host-IP-Address": {"family": 1}}}, "Host-IP-Address"),
        ({"command": "DWR", "avps": {"Class": "0"}}, "Class"),
        ({"command": "DWR", "avps": [3]}, "an object wanted"),
        ({"command": "DWR", "avps": {"Auth-Session-State": "MAYBE"}}, "MAYBE"),
    ],
)
def test_what_cannot_be_built_is_named(document: dict[str, Any], complaint: str) -> None:
    with pytest.raises(LocalError, match=complaint):
        from_dict(document, dictionary())


def test_groups_nested_without_end_are_refused() -> None:
    avps: list[Any] = []
    for _ in range(70):
        avps = [{"code": 284, "flags": 64, "value": avps}]
    with pytest.raises(LocalError, match="nested deeper"):
        from_dict({"command": "DWR", "avps": avps}, dictionary())
