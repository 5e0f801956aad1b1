"""S6n: what the HSS tells an MTC-AAA of a device, and every refusal for its reason (TS 29.336 5.2.1.2, 5.2.1.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary, Message
from diameter.app import Application
from helpers.network import HSS, HSS_TOML, REALM, Network, node, peer
from nfs.common.identities import encode_number
from nfs.common.store import StoreError
from nfs.hss.directory import Directory
from nfs.hss.logic import ExternalId, Subscriber

AAA = f"aaa.{REALM}"
IMSI = "001010000000001"
NAMED = Subscriber(
    imsi=IMSI,
    msisdn="15550100001",
    external_ids=(
        ExternalId(identifier="meter-1@customer.example"),
        ExternalId(identifier="alarm-1@customer.example", port=9000),
    ),
)
NAMELESS = Subscriber(imsi="001010000000002")


class Aaa(Application):
    """An MTC-AAA: asks the HSS who a device is for the outside (bit 0 of SIR-Flags clear)."""

    dictionary = "ts29336_s6m"

    async def ask(self, user: dict[str, Any], **more: Any) -> Message:
        avps = {"User-Identifier": user, "SIR-Flags": 0, **more}
        return await self.request("Subscriber-Information", avps, to=HSS, realm=REALM)


class Rig(Network):
    """The network with an MTC-AAA beside the MTC-IWF."""

    def __init__(self, folder: Path, dictionary: Dictionary) -> None:
        super().__init__(folder, dictionary, (NAMED, NAMELESS))
        self.aaa = Aaa()
        text = f"{node(AAA)}\n{peer(HSS, dial='127.0.0.3')}"
        self.aaa_node = self._node(text, self.aaa)

    def ask(self, user: dict[str, Any], **more: Any) -> Message:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        answer: Message = self.wait(self.aaa.ask(user, **named))
        assert answer.faults == ()
        return answer


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def rig(tmp_path: Path, dictionary: Dictionary, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr("helpers.network.HSS_TOML", f"{HSS_TOML}\n{peer(AAA)}")
    rig = Rig(tmp_path, dictionary)
    rig.open()
    rig.wait(rig.aaa_node.start())
    rig.wait(rig.aaa_node.when_open(HSS))
    yield rig
    rig.wait(rig.aaa_node.stop())
    rig.close()


def users(answer: Message) -> list[dict[str, Any]]:
    return [{avp.name: avp.value for avp in group.avps} for group in answer.all("User-Identifier")]


def test_success_names_the_device_once_for_each_identity(rig: Rig) -> None:
    answer = rig.ask({"User-Name": IMSI})
    assert answer.result == (0, 2001)
    assert users(answer) == [
        {"External-Identifier": "meter-1@customer.example"},
        {"External-Identifier": "alarm-1@customer.example"},
        {"MSISDN": encode_number("15550100001")},
    ]
    assert "Service-Data" not in answer


def test_a_device_without_a_name_is_its_imsi(rig: Rig) -> None:
    answer = rig.ask({"User-Name": NAMELESS.imsi})
    assert (answer.result, users(answer)) == ((0, 2001), [{"User-Name": NAMELESS.imsi}])


def test_what_belongs_to_s6m_is_ignored(rig: Rig) -> None:
    """The IMSI alone is looked at: no SCS has to be entitled, and no service to be in the subscription."""
    answer = rig.ask({"User-Name": IMSI}, Service_ID=0, SCS_Identity=encode_number("15559999"))
    assert (answer.result, len(users(answer)), "Service-Data" in answer) == ((0, 2001), 3, False)


@pytest.mark.parametrize(
    "user",
    [
        {"User-Name": "001019999999999"},
        {"User-Name": "no imsi"},
        {"External-Identifier": "meter-1@customer.example"},
        {"MSISDN": encode_number("15550100001")},
    ],
    ids=["unknown", "no-imsi", "external-identifier", "msisdn"],
)
def test_user_unknown_for_an_imsi_that_nobody_has_or_none(rig: Rig, user: dict[str, Any]) -> None:
    answer = rig.ask(user)
    assert answer.result == (10415, 5001)
    assert users(answer) == []
    (line,) = [json.loads(line) for line in (rig.folder / "hss-audit.jsonl").read_text().splitlines()]
    assert (line["check"], line["peer"], line["result"]) == ("subscriber-information", AAA, "USER_UNKNOWN")


def test_two_identities_or_none_are_an_invalid_value(rig: Rig) -> None:
    for user in ({"User-Name": IMSI, "MSISDN": encode_number("15550100001")}, {"LMSI": b"1234"}):
        answer = rig.ask(user)
        assert answer.result == (0, 5004)
        assert "User-Identifier" in answer["Failed-AVP"]


def test_without_sir_flags_the_request_is_refused_as_incomplete(rig: Rig) -> None:
    octets = rig.dictionary.request(
        "Subscriber-Information",
        {
            "Session-Id": "a;1;1", "Auth-Session-State": 1, "Origin-Host": AAA, "Origin-Realm": REALM,
            "Destination-Realm": REALM, "User-Identifier": {"User-Name": IMSI}, "SIR-Flags": 0,
        },
    ).edit(remove=["SIR-Flags"])  # fmt: skip
    assert [fault.result_code for fault in octets.faults] == [5005]


def test_a_database_that_fails_is_unable_to_comply(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: Directory, user: object) -> None:
        raise StoreError("disk")

    monkeypatch.setattr(Directory, "find", broken)
    assert rig.ask({"User-Name": IMSI}).result == (0, 5012)
