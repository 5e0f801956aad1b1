"""The SMS Router: other networks learn no IMSI and no node, triggers in disguise end here, answers go back."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter import Dictionary, Message, RequestTimeout
from diameter.app import Later
from diameter.testing import FakeRequester
from helpers.smpp import IMSI, SME, SUBMIT, Client
from helpers.smpp import Rig as SmppRig
from nfs.common.audit import AuditLog
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode, to_avps
from nfs.common.sms import Deliver, Submit, UserData, split
from nfs.common.sms_layout import SmsAddress
from nfs.sms_sc.home_router import HomeRouter, here
from nfs.sms_sc.logic import Attempt
from nfs.sms_sc.marking import Marking
from nfs.sms_sc.mo_sms import MoSms
from nfs.sms_sc.outcomes import Delivered
from nfs.sms_sc.routed import Routed, RoutedS6c, RoutedSgd
from nfs.sms_sc.s6c import Way

DICTIONARY = Dictionary.load()
MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
SGSN = ServingNode(kind=NodeKind.SGSN, number="15550000301", name="sgsn.example.org", realm="example.org")
MSISDN = encode_number("15550100001")
NUMBER = "15550000200"
Answer = Callable[[Message], Message] | Exception


def tpdu(pid: int = 0, port: int | None = None) -> bytes:
    from datetime import UTC, datetime

    (data,) = split(b"hello", port=port, reference=0)
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    return Deliver(originator=SmsAddress(digits="33100001"), scts=at, user_data=data, pid=pid).encode()


class Rig:
    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, Clock()
        self.clock.rightNow = 1_767_323_045.0
        self.audit = AuditLog(folder / "audit", "smssc.example.org")
        self.router = HomeRouter(
            here("smssc.example.org", "example.org", NUMBER),
            "00101",
            frozenset({"example.net"}),
            clock=self.clock.seconds,
            valid_s=60,
        )
        routed = Routed(self.router, Marking(self.audit, (16000,)), self.audit)
        self.s6c = RoutedS6c(NUMBER, lambda *_: None, realm="example.org", host=None)
        self.sgd = RoutedSgd(MoSms(NUMBER, {}), self.clock.seconds, marking=Marking(self.audit))
        self.s6c.routed = self.sgd.routed = routed
        self.hss_says: Answer = lambda r: r.answer(
            2001, {"User-Name": IMSI, "Serving-Node": to_avps(MME), "Additional-Serving-Node": to_avps(SGSN)}
        )
        self.nodes_say: list[Answer] = []
        self.hss = FakeRequester(self.s6c, DICTIONARY, {"Send-Routing-Info-for-SM-Request": self._hss})
        self.mme = FakeRequester(self.sgd, DICTIONARY, {"MT-Forward-Short-Message-Request": self._node})

    def _hss(self, request: Message) -> Message:
        return _say(self.hss_says, request)

    def _node(self, request: Message) -> Message:
        return _say(self.nodes_say.pop(0) if self.nodes_say else lambda r: r.answer(2001), request)

    def ask(self, **changed: Any) -> Message:
        avps = {"MSISDN": MSISDN, "SC-Address": encode_number("33100000"), **changed}
        return self.hss.deliver("Send-Routing-Info-for-SM", {k: v for k, v in avps.items() if v is not None})

    def forward(self, name: str, octets: bytes, **more: Any) -> Message:
        fixed = {"Destination-Host": "smssc.example.org", "SC-Address": encode_number("33100000")}
        avps = {"User-Name": name, **fixed, "SM-RP-UI": octets, **more}
        return self.mme.deliver("MT-Forward-Short-Message", avps)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit").read_text().splitlines()]


def _say(answer: Answer, request: Message) -> Message:
    if isinstance(answer, Exception):
        raise answer
    return answer(request)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.audit.close()


def test_another_network_learns_neither_imsi_nor_node_and_its_message_arrives(rig: Rig) -> None:
    found = rig.ask()
    assert (found.result, found.faults) == ((0, 2001), ())
    name, node = found.text("User-Name"), found["Serving-Node"]
    assert (len(name), name[:5], name != IMSI) == (15, "00101", True)
    assert (node["MME-Name"], node.raw("MME-Number-for-MT-SMS")) == ("smssc.example.org", encode_number(NUMBER))
    assert "Additional-Serving-Node" not in found
    (question,) = rig.hss.requests
    assert (question["SRR-Flags"], "SC-Address" in question) == (5, False)
    rig.nodes_say = [
        lambda r: r.answer(5550, {"Absent-User-Diagnostic-SM": 1}, vendor=10415),
        lambda r: r.answer(2001, {"SM-RP-UI": b"\0\0"}),
    ]
    answer = rig.forward(name, tpdu(), **{"TFR-Flags": 1})
    assert (answer.result, answer.raw("SM-RP-UI"), answer.faults) == ((0, 2001), b"\0\0", ())
    first, second = rig.mme.requests
    assert [each["Destination-Host"] for each in (first, second)] == [MME.name, SGSN.name]
    assert (first["User-Name"], first.raw("SM-RP-UI"), first["TFR-Flags"]) == (IMSI, tpdu(), 1)
    assert rig.lines() == []


@pytest.mark.parametrize(
    ("says", "result"),
    [
        (lambda r: r.answer(5001, vendor=10415), (10415, 5001)),
        (lambda r: r.answer(5550, vendor=10415), (10415, 5550)),
        (lambda r: r.answer(5557, vendor=10415), (10415, 5557)),
        (lambda r: r.answer(2001, {"User-Name": IMSI}), (10415, 5550)),
        (RequestTimeout("no answer"), (0, 3002)),
    ],
)
def test_what_the_hss_says_otherwise(rig: Rig, says: Answer, result: tuple[int, int]) -> None:
    rig.hss_says = says
    assert rig.ask().result == result


@pytest.mark.parametrize(
    ("says", "result", "avp"),
    [
        (lambda r: r.answer(5551, vendor=10415), (10415, 5551), None),
        (
            lambda r: r.answer(
                5555, {"SM-Delivery-Failure-Cause": {"SM-Enumerated-Delivery-Failure-Cause": 0}}, vendor=10415
            ),
            (10415, 5555),
            "SM-Delivery-Failure-Cause",
        ),
        (RequestTimeout("no answer"), (0, 3002), None),
    ],
)
def test_what_the_serving_node_says_goes_back(rig: Rig, says: Answer, result: tuple[int, int], avp: str | None) -> None:
    name = rig.ask().text("User-Name")
    rig.nodes_say = [says, says]
    answer = rig.forward(name, tpdu())
    assert (answer.result, avp is None or avp in answer) == (result, True)


@pytest.mark.requirement("T-TRIG-04")
@pytest.mark.requirement("R-TSP-16")
@pytest.mark.parametrize(
    "octets",
    [
        tpdu(pid=0x48),
        tpdu(port=16000),
        tpdu(pid=0x48) + b"x",
        bytes((tpdu()[0] | 3,)) + tpdu(pid=0x48)[1:],
        tpdu(pid=0x48)[:1] + b"\x08\x01" + tpdu(pid=0x48)[3:],
        tpdu(port=16000)[:-1],
    ],
    ids=["pid", "port", "pid-length-off", "pid-reserved-type", "pid-odd-address", "port-length-off"],
)
def test_a_trigger_of_another_network_is_dropped_and_audited(rig: Rig, octets: bytes) -> None:
    name = rig.ask().text("User-Name")
    answer = rig.forward(name, octets)
    assert (answer.result, rig.mme.requests) == ((10415, 5552), [])
    (line,) = rig.lines()
    assert (line["check"], line["alarm"], line["command"]) == (
        "trigger-marking", True, "MT-Forward-Short-Message-Request",
    )  # fmt: skip
    assert line["target"] == "***01"


@pytest.mark.parametrize("octets", [b"", b"\0", b"\x04\x14\x91", b"\x44\0\x91\0\0", b"\x42" + tpdu(pid=0x48)[1:]])
def test_what_is_no_message_to_a_device_is_no_trigger(rig: Rig, octets: bytes) -> None:
    assert rig.forward(rig.ask().text("User-Name"), octets).result == (0, 2001)


@pytest.mark.requirement("T-TRIG-04")
def test_a_trigger_that_a_device_submits_is_refused_and_audited(rig: Rig) -> None:
    octets = Submit(
        reference=1, destination=SmsAddress(digits="15550001"), user_data=UserData(data=b"x"), pid=0x48
    ).encode()
    avps = {"SC-Address": encode_number(NUMBER), "User-Identifier": {"User-Name": IMSI}, "SM-RP-UI": octets}
    answer = rig.mme.deliver("MO-Forward-Short-Message", avps)
    assert answer.result == (10415, 5555)
    assert [(line["check"], line["alarm"]) for line in rig.lines()] == [("trigger-marking", True)]
    other = Submit(reference=1, destination=SmsAddress(digits="15550001"), user_data=UserData(data=b"x")).encode()
    assert rig.mme.deliver("MO-Forward-Short-Message", {**avps, "SM-RP-UI": other}).result == (10415, 5555)
    assert len(rig.lines()) == 1


def test_refusals_are_audited(rig: Rig) -> None:
    name = rig.ask().text("User-Name")
    assert rig.ask(MSISDN=b"\xfe").result == (10415, 5001)
    assert rig.ask(MSISDN=None).result == (10415, 5001)
    assert rig.forward("001019999999999", tpdu()).result == (10415, 5001)
    rig.clock.advance(61)
    assert rig.forward(name, tpdu()).result == (10415, 5001)
    rig.router.realms = frozenset()
    assert rig.ask().result == (10415, 5552)
    assert rig.forward(name, tpdu()).result == (10415, 5552)
    assert [line["check"] for line in rig.lines()] == ["home-router"] * 6


def test_no_two_devices_have_one_correlation_identifier(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([7, 7, 7, 0, 9_999_999_999])
    monkeypatch.setattr(secrets, "randbelow", lambda top: next(drawn) % top)
    imsis = [IMSI, "001010000000002", "001010000000003"]
    names = [rig.router.hide(Way(imsi=imsi, nodes=(MME,))) for imsi in imsis]
    assert names == ["001010000000007", "001010000000000", "001019999999999"]
    assert [found.imsi for name in names if (found := rig.router.behind(name))] == imsis


def test_as_many_devices_at_once_as_the_operator_says(tmp_path: Path) -> None:
    rig = SmppRig(tmp_path, SME)
    rig.delivery.at_once = 2
    going: list[Later[Delivered]] = []

    async def deliver(attempt: Attempt) -> Delivered:
        later: Later[Delivered] = Later()
        going.append(later)
        return await later

    rig.ways.deliver = deliver  # type: ignore[method-assign]
    client = Client(rig)
    client.bind()
    for number in range(4):
        rig.tsms._imsis.put(f"1555010000{number}", f"00101000000000{number}")
        client.submit(destination=f"1555010000{number}".encode())
    assert (SUBMIT.registered, len(going)) == (1, 2)
    going[0].resolve(Delivered())
    rig.settle()
    assert len(going) == 3
    for each in (1, 2):
        going[each].resolve(Delivered())
        rig.settle()
    assert len(going) == 4
    going[3].resolve(Delivered())
    rig.settle()
    assert rig.centre.pending == {}
    rig.delivery.stop()
    _ = rig.server.stop()
    _ = rig.store.close()
    rig.audit.close()
