"""A fuzzing SCS: Device-Actions that are wrong in every way that a seed finds, from a peer that may be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import pytest

from diameter import Message
from helpers.attack import IMSIS, NAMES, Field
from helpers.network import FORMS, REALM, SCS1
from helpers.nodes import dictionary
from nfs.common.identities import encode_number, encode_tbcd

VENDOR: Final = 10415
MANDATORY: Final = 0xC0
STRANGE: Final = "001019123456789"
"""An IMSI that nobody has: what the fuzzer says may be quoted to it, and must not be taken for what it found out."""
ROUNDS: Final = 250
OTHERS: Final = (1, 1_000_000, 257, 264, 283, 701, 3001, 3002, 3008, 3009, 3102, 3103, 3168, 1400)
"""AVPs that have no place in a Device-Action, unknown ones among them."""


@pytest.fixture(params=FORMS)
def field(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path, dictionary(), "hide_delay_s = 0", form=request.param).open()
    yield field
    field.close()


def codes() -> dict[str, int]:
    """The AVP codes of a Device-Action, as the dictionary has them."""
    names = {
        "external": "External-Identifier", "identity": "SCS-Identity", "reference": "Reference-Number",
        "action": "Action-Type", "data": "Trigger-Data", "validity": "Validity-Time",
    }  # fmt: skip
    request = dictionary().request(
        "Device-Action",
        {
            "Session-Id": "s", "Auth-Session-State": 1, "Origin-Host": SCS1, "Origin-Realm": "customer.example",
            "Destination-Realm": REALM, "Auth-Application-Id": 16777309,
            "Device-Action": {
                "External-Identifier": "a@b.example", "SCS-Identity": b"\x11", "Reference-Number": 1,
                "Action-Type": 1, "Trigger-Data": {"Payload": b"x"}, "Validity-Time": 1,
            },
        },
        application="Tsp",
    )  # fmt: skip
    members = {member.name: member.code for member in request["Device-Action"]}
    return {key: members[name] for key, name in names.items()} | {"payload": data_member(request)}


def data_member(request: Message) -> int:
    """The code of Payload."""
    (payload,) = request["Device-Action"]["Trigger-Data"]
    code: int = payload.code
    return code


class Fuzzer:
    """Device-Action-Requests, each with one to four things wrong; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.codes = codes()

    def request(self, at: int) -> bytes:
        """Number `at`, as octets."""
        random = self.random
        action: list[tuple[int, int, bytes, int]] = [
            (self.codes["external"], VENDOR, f"{random.choice(NAMES)}@customer.example".encode(), MANDATORY),
            (self.codes["identity"], VENDOR, encode_number("15550001"), MANDATORY),
            (self.codes["reference"], VENDOR, at.to_bytes(4), MANDATORY),
            (self.codes["action"], VENDOR, (1).to_bytes(4), MANDATORY),
            (self.codes["data"], VENDOR, self.avp(self.codes["payload"], VENDOR, b"fuzz"), MANDATORY),
            (self.codes["validity"], 0, (60).to_bytes(4), MANDATORY),
        ]
        for _ in range(random.randint(1, 3)):
            self.spoil(action)
        members = b"".join(self.avp(*one) for one in action)
        base = dictionary().request(
            "Device-Action",
            {
                "Session-Id": f"{SCS1};5;{at}", "Auth-Application-Id": 16777309, "Auth-Session-State": 1,
                "Origin-Host": SCS1, "Origin-Realm": "customer.example", "Destination-Realm": REALM,
            },
            application="Tsp", hop_by_hop=at, end_to_end=at,
        )  # fmt: skip
        octets = base.octets + self.avp(3001, VENDOR, members, random.choice((0xC0, 0xC0, 0xC0, 0x80, 0xFF)))
        return octets[:1] + len(octets).to_bytes(3) + octets[4:]

    def avp(self, code: int, vendor: int, data: bytes, flags: int = MANDATORY) -> bytes:
        """One AVP with its padding; without V bit where there is no vendor."""
        named = vendor.to_bytes(4) if vendor else b""
        flags = flags if vendor else flags & 0x7F
        return code.to_bytes(4) + bytes([flags]) + (8 + len(named + data)).to_bytes(3) + named + data + self.pad(data)

    def pad(self, data: bytes) -> bytes:
        """What fills up four octets: zeros, as it should be, or not."""
        return bytes(-len(data) % 4) if self.random.random() < 0.9 else self.random.randbytes(-len(data) % 4)

    def spoil(self, action: list[tuple[int, int, bytes, int]]) -> None:
        """Change one thing."""
        random = self.random
        at = random.randrange(len(action)) if action else 0
        kind = random.randrange(9)
        if not action or kind == 0:
            action.insert(at, (random.choice(OTHERS), random.choice((0, VENDOR, 9)), random.randbytes(8), 0x80))
        elif kind == 1:
            del action[at]
        elif kind == 2:
            action.insert(at, action[at])
        elif kind == 3:
            action[at] = (*action[at][:2], random.randbytes(random.choice((0, 1, 3, 4, 5, 16, 300))), MANDATORY)
        elif kind == 4:
            data = action[at][2]
            action[at] = (*action[at][:2], data + data, MANDATORY)
        elif kind == 5:
            random.shuffle(action)
        elif kind == 6:
            action[at] = (action[at][0], random.choice((0, 1, 10414)), action[at][2], random.choice((0x80, 0xC0)))
        elif kind == 7:
            number = random.choice((0, 2, 3, 4, 5, 99, 2**31, 2**32 - 1)).to_bytes(4)
            action[at] = (*action[at][:2], number, MANDATORY)
        else:
            names = (f"{STRANGE}@customer.example", "@", "a@", "@b", "a@b@c", "\x00@customer.example", "m" * 300)
            word = random.choice([*(name.encode() for name in names), b"\xff\xfe", encode_tbcd(STRANGE)])
            action[at] = (*action[at][:2], word, MANDATORY)


@pytest.mark.requirement("T-TSP-01", "T-TSP-02")
@pytest.mark.parametrize("seed", range(3))
def test_whatever_a_fuzzing_scs_says_is_answered_and_harms_nobody(field: Field, seed: int) -> None:
    fuzzer = Fuzzer(seed)
    found: Counter[str] = Counter()
    for at in range(1, ROUNDS + 1):
        heard = field.say(fuzzer.request(at), by=SCS1)
        answers = [each for each in heard if each.command == "Device-Action-Answer"]
        assert [each.hop_by_hop for each in answers] == [at]
        found[shown(answers[0])] += 1
        assert {fault.verdict for fault in answers[0].faults} <= {"report"}
    assert len(found) > 6  # it gets around
    assert found["status 0"] > 10
    assert field.bugs() == 0
    assert field.leaked() == []
    delivered = {imsi for imsi, _ in field.deliveries()}
    assert delivered <= set(IMSIS[:3])  # none of the other SCS
    refused = sum(count for answer, count in found.items() if answer != "status 0")
    assert len(field.refusals()) <= refused
    assert field.ask(payload=b"after all").delivered


def shown(answer: Message) -> str:
    """How an answer ended: its Request-Status, or its Result-Code."""
    notification = answer.get("Device-Notification")
    status = None if notification is None else notification.get("Request-Status")
    return f"result {answer.result}" if status is None else f"status {status}"


def test_the_same_seed_says_the_same() -> None:
    assert [Fuzzer(7).request(at) for at in range(1, 5)] == [Fuzzer(7).request(at) for at in range(1, 5)]
