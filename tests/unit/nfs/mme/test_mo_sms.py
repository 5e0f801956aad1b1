"""Short messages of UEs at the MME simulator: when they are sent, what is written down, and wrong configurations."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from diameter import ConfigError, Dictionary, Message, RequestTimeout, Undeliverable
from diameter.config import parse
from diameter.testing import FakeRequester
from helpers.schemas import assert_fits
from nfs.common.sms import decode_submit
from nfs.common.sms_layout import SmsAddress
from nfs.common.sms_reports import StatusReport
from nfs.mme.config import MmeConfig
from nfs.mme.logic import Mme, Population
from nfs.mme.mo_sms import FOR_GOOD_S, Heard, Order, Plan, Sender
from nfs.mme.sgd import Sgd

DICTIONARY = Dictionary.load()
IMSI = "001010000000001"
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Rig:
    """An MME with one UE, an SMS-SC that answers as told, and the node in between.  `away`: the node stops first."""

    def __init__(self, *answers: Any) -> None:
        self.clock = Clock()
        self.answers = list(answers)
        self.sent: list[Message] = []
        self.heard: list[Heard] = []
        self.times: list[float] = []
        self.away = False
        self.sgd = Sgd(Mme.of([Population(first_imsi=IMSI, count=1)]))
        self.fake = FakeRequester(
            self.sgd, DICTIONARY, {"MO-Forward-Short-Message-Request": self._answer}, clock=self.clock
        )
        self.sgd.sender = Sender(self.sgd, ("sms-sc.example.org", "example.org", "15550000200"), self.heard.append)

    def _answer(self, request: Message) -> Message:
        self.sent.append(request)
        self.times.append(self.clock.seconds())
        answer = self.answers.pop(0) if self.answers else (0, 2001)
        if isinstance(answer, Exception):
            raise answer
        vendor, code = answer
        return request.answer(code, vendor=vendor)

    def when_open(self, host: str | None = None, timeout_s: float = 10.0) -> Deferred[object]:
        """As a node."""
        assert (host, timeout_s) == ("sms-sc.example.org", FOR_GOOD_S)
        return fail(Undeliverable("this node has stopped")) if self.away else succeed(None)

    def carry_out(self, *orders: Order, stops_at: float | None = None) -> None:
        """Everything that a scenario wants, or what of it comes before its end."""
        assert self.sgd.sender is not None
        plan = Plan(self.sgd.sender, orders, self.clock.callLater)
        if stops_at is not None:
            self.clock.callLater(stops_at, plan.stop)
        plan.start(self)
        self.fake.settle()


def order(**changed: Any) -> Order:
    return Order(**{"imsi": IMSI, "to": "4711", "payload": b"21.5 C", "port": 16000, **changed})


def test_a_message_goes_when_its_time_has_come() -> None:
    rig = Rig()
    rig.carry_out(order(), order(after_s=5, to="15550000100"))
    assert rig.times == [0.0, 5.0]
    assert [decode_submit(each.raw("SM-RP-UI")).destination for each in rig.sent] == [
        SmsAddress(digits="4711", ton=0), SmsAddress(digits="15550000100"),
    ]  # fmt: skip
    assert [each.event for each in rig.heard] == ["confirmed", "confirmed"]


def test_what_is_still_to_come_at_the_end_is_not_sent() -> None:
    rig = Rig()
    rig.carry_out(order(after_s=5), stops_at=2)
    assert (rig.sent, rig.clock.getDelayedCalls()) == ([], [])


def test_a_node_that_stops_before_the_sms_sc_is_there() -> None:
    rig = Rig()
    rig.away = True
    rig.carry_out(order())
    assert rig.sent == []


@pytest.mark.parametrize("trouble", [(10415, 5555), (0, 5012), RequestTimeout("no answer"), Undeliverable("no peer")])
def test_a_part_that_is_refused_ends_the_message(trouble: Any) -> None:
    rig = Rig((0, 2001), trouble)
    rig.carry_out(order(payload=bytes(400)))
    assert len(rig.sent) == 2
    assert [each.event for each in rig.heard] == ["confirmed", "refused"]
    result = trouble if isinstance(trouble, tuple) else None
    assert (rig.heard[1].result, rig.heard[1].failure_cause) == (result, None)
    sender = rig.sgd.sender
    assert sender is not None
    assert list(sender.outboxes[IMSI].waiting) == [0]


def test_the_report_is_heard_once_and_others_are_let_go() -> None:
    rig = Rig()
    rig.carry_out(order())

    def report(tpdu: bytes) -> tuple[int, int] | None:
        avps = {
            "Destination-Host": "mme.example.org",
            "User-Name": IMSI,
            "SC-Address": bytes.fromhex("5155000002f0"),
            "SM-RP-UI": tpdu,
        }
        return rig.fake.deliver("MT-Forward-Short-Message", avps).result

    address = SmsAddress(digits="4711", ton=0)
    tpdu = StatusReport(reference=0, recipient=address, scts=THEN, discharged=THEN, status=69).encode()
    assert [report(tpdu), report(tpdu), report(tpdu[:4])] == [(0, 2001), (0, 2001), (0, 5004)]
    assert [(each.event, each.status) for each in rig.heard] == [("confirmed", None), ("report", 69)]
    for each in rig.heard:
        assert_fits("heard", json.loads(json.dumps({"schema": 1, **each.form()})))


CONFIG = """
[node]
origin_host = "mme.example.org"
origin_realm = "example.org"
[[ues]]
first_imsi = "001010000000001"
[sms_sc]
host = "sms-sc.example.org"
realm = "example.org"
number = "15550000200"
[[sends]]
imsi = "001010000000001"
to = "+15550000100"
payload = "hello"
"""


def test_a_configuration_and_what_is_wrong_in_others(tmp_path: Path) -> None:
    config = parse(CONFIG, MmeConfig, source="mme.toml", base=tmp_path)
    assert config.sends[0].order() == Order(imsi=IMSI, to="15550000100", payload=b"hello")
    without = CONFIG[: CONFIG.index("[sms_sc]")] + CONFIG[CONFIG.index("[[sends]]") :]
    for text, complaint in (
        (without, r"sms_sc: missing: \[\[sends\]\] needs to know where to"),
        (CONFIG.replace('01"\nto', '02"\nto'), r"sends\.0\.imsi: none of the UEs of \[\[ues\]\] has it"),
        (CONFIG.replace("+15550000100", "call me"), "a destination: 1 to 20 digits expected"),
        (CONFIG.replace('"hello"', f'"{"x" * 40_000}"'), "longer than 255 short messages"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            parse(text, MmeConfig, source="mme.toml", base=tmp_path)
