"""The filter of a capture: what it lets through, and which word of it cannot be."""

import pytest

from diameter import encode
from diameter.capture.choice import Choice
from diameter.errors import LocalError
from helpers.captures import Traffic
from helpers.messages import dictionary

MESSAGES = [one.octets for one in Traffic(dictionary()).run(1)]


def chosen(text: str, peer: str = "hss.example") -> set[str]:
    """Commands of the messages let through."""
    choice = Choice(text, dictionary())
    found = [dictionary_message(octets) for octets in MESSAGES if choice.wants(octets, peer)]
    return set(found)


def dictionary_message(octets: bytes) -> str:
    from diameter import decode

    definition = decode(octets, dictionary()).definition
    assert definition is not None
    return definition.short


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("command=DAR,SIA", {"DAR", "SIA"}),
        ("command=Device-Trigger", {"DTR", "DTA"}),
        ("command=Device-Trigger-Request", {"DTR"}),
        ("command=257", {"CER", "CEA"}),
        ("app=S6m", {"SIR", "SIA"}),
        ("app=base without=DWR,DWA", {"CER", "CEA"}),
        ("app=16777310,T4 without=DRR", {"SIR", "SIA", "DTR", "DTA", "DRA"}),
        ("has=meter-0001@meters.example command=SIR,SIA", {"SIR"}),
        ("has=001010000000001 app=SGd", {"TFR"}),
        ("has=4917000010", {"SIA"}),
        ("without=DAR,DAA,SIR,SIA,DTR,DTA,TFR,TFA,DRR,DRA", {"CER", "CEA", "DWR", "DWA", "DNR", "DNA"}),
    ],
)  # fmt: skip
def test_what_is_let_through(text: str, expected: set[str]) -> None:
    assert chosen(text) == expected


def test_digits_are_found_as_they_stand_in_an_msisdn() -> None:
    wanted = Choice("has=15551234567", dictionary())
    assert wanted.wants(bytes(20) + bytes.fromhex("5155214365f7"), "")
    assert not wanted.wants(bytes(20) + bytes.fromhex("5155214365f8"), "")


def test_a_peer_by_pattern_and_one_not_known_yet() -> None:
    choice = Choice("peer=*.operator.example,scs1.x", dictionary())
    octets = encode(
        dictionary().request("DWR", {"Origin-Host": "a.b", "Origin-Realm": "b"}, hop_by_hop=1, end_to_end=1)
    )
    wanted = {peer: choice.wants(octets, peer) for peer in ("HSS.operator.example", "scs1.x", "other.x", "")}
    assert wanted == {"HSS.operator.example": True, "scs1.x": True, "other.x": False, "": True}
    assert choice.wants(octets, "hss.operator.example")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("DAR", "'DAR' is no KEY=VALUE"),
        ("command=", "'command=' is no KEY=VALUE"),
        ("commands=DAR", "'commands' is none of command, without, app, peer, has"),
        ("command=NOPE", "no command 'NOPE' in the dictionaries"),
        ("app=Nope", "Nope"),
    ],
)
def test_what_cannot_be(text: str, complaint: str) -> None:
    with pytest.raises(LocalError, match=complaint):
        Choice(text, dictionary())
