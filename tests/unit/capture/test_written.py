"""Messages in words: what the tree shows makes the same octets again, and what people write by hand makes messages."""

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given

from diameter import LocalError, Message, decode
from diameter.capture import CaptureReader
from diameter.capture.text import tree
from diameter.capture.written import documents
from diameter.message.json import from_dict
from helpers.messages import dictionary, raw_messages, request

VECTORS: Final = sorted((Path(__file__).parents[3] / "interop/vectors").glob("*.pcapng"))


def messages(text: str) -> list[Message]:
    return [from_dict(one, dictionary()) for one in documents(text, dictionary())]


def again(message: Message) -> bytes:
    (found,) = messages(tree(message))
    return found.octets


def test_a_tree_makes_its_octets_again() -> None:
    assert again(request()) == request().octets


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_every_message_of_the_vectors_makes_its_octets_again(path: Path) -> None:
    found = [decode(each.octets, dictionary()) for each in CaptureReader(path)]
    well = [message for message in found if not message.faults]
    assert found
    assert [again(message) for message in well] == [message.octets for message in well]


@given(raw_messages())
def test_any_octets_make_their_tree_again_or_say_why_not(octets: bytes) -> None:
    message = decode(octets, dictionary())
    try:
        found = messages(tree(message))
    except LocalError:
        assert message.faults or "(masked)" in tree(message)
        return
    if not message.faults:
        assert [one.octets for one in found] == [octets]


def test_several_messages_with_remarks_between() -> None:
    text = f"# first\n{tree(request())}\n\n! seen twice\n{tree(request())}\n"
    assert [one.octets for one in messages(text)] == [request().octets] * 2


BY_HAND: Final = """
Device-Action-Request
  Session-Id          scs.example.org;1;2
  Auth-Session-State  NO_STATE_MAINTAINED
  Origin-Host         scs.example.org
  Origin-Realm        example.org
  Destination-Realm   core.example
  Device-Action
    External-Identifier  meter-1@example.org
    MSISDN               15550001
    SCS-Identity         15550002
    Reference-Number     3007
    Action-Type          1
    Trigger-Data
      Payload            "wake up"
"""


def test_a_message_by_hand() -> None:
    (found,) = messages(BY_HAND)
    assert (found.command, found.application, found.request, found.proxiable) == (
        "Device-Action-Request", "Tsp", True, True
    )  # fmt: skip
    action = found["Device-Action"]
    assert (action["MSISDN"], action["SCS-Identity"]) == (bytes.fromhex("51550010"), bytes.fromhex("51550020"))
    assert action["Reference-Number"] == 3007  # the value, although it is the AVP's code as well
    assert action["Trigger-Data"]["Payload"] == b"wake up"
    assert found["Auth-Session-State"] == 1
    (document,) = documents(BY_HAND, dictionary())
    assert isinstance(document["avps"], dict)  # the short form, in which the rest is filled in


def test_several_avps_of_one_name_by_hand() -> None:
    (found,) = messages("Device-Watchdog-Request\n Origin-Host a\n Failed-AVP\n  Session-Id b\n  Session-Id ''\n")
    assert found["Failed-AVP"].all("Session-Id") == ("b", "")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (" Origin-Host a", "line 1: an AVP before any message"),
        ("Device-Wachdog-Request\n Origin-Host a", "line 1: no dictionary has a command named 'Device-Wach"),
        ("Command x", "line 1: 'Command' wants the number"),
        ("Command 9999", "line 1: a command given by number wants its application"),
        ("Device-Action-Request Tsq", "line 1: .*Tsq"),
        ("Device-Watchdog-Request\n\n Orgin-Host a", "line 3: no dictionary has an AVP named 'Orgin-Host'"),
        ("Device-Watchdog-Request\n Origin-Host 264 X a", "line 2: Origin-Host: flags belong behind a code"),
        ("Device-Watchdog-Request\n Origin-Host a\n  Origin-Realm b", "line 3: Origin-Realm stands deeper than"),
        ("Device-Watchdog-Request\n Origin-State-Id many", "line 2: Origin-State-Id: a number belongs here"),
        ("Device-Watchdog-Request\n Origin-State-Id 4294967296", "line 2: Origin-State-Id: "),
        ("Capabilities-Exchange-Request\n Host-IP-Address here", "line 2: Host-IP-Address: "),
        ("Device-Watchdog-Request\n Session-Id (masked)", "line 2: Session-Id: a value that was masked"),
        ("Device-Watchdog-Request\n Session-Id 'open", "line 2: Session-Id: "),
        ("Device-Watchdog-Request\n Proxy-State some words", "line 2: Proxy-State: octets are hex, or text between"),
        ("Device-Watchdog-Request\n Failed-AVP some", "line 2: Failed-AVP: a group has members on the lines below it"),
        ("Device-Action-Request\n Auth-Session-State OFF", "line 2: Auth-Session-State: one of .*, not 'OFF'"),
    ],
)  # fmt: skip
def test_what_makes_no_message_names_its_line(text: str, complaint: str) -> None:
    with pytest.raises(LocalError, match=complaint):
        messages(text)
