"""A group whose members are served by different nodes: each has the message once, by a way it can receive."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter import Dictionary, Message
from diameter.errors import ConfigError
from diameter.testing import FakeRequester, run
from nfs.common.nodes import NodeKind, ServingNode, to_avps
from nfs.sms_sc.bearers import Selector, plugged
from nfs.sms_sc.logic import Attempt, Policy, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Delivered, Outcome
from nfs.sms_sc.s6c import S6c
from nfs.sms_sc.sgd import Sgd
from nfs.sms_sc.ways import Ways

NOW = 1_767_323_045.0
FLEET = "fleet@customer.example"
MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
SGSN = ServingNode(kind=NodeKind.SGSN, number="15550000301", name="sgsn.example.org", realm="example.org")
ABROAD = ServingNode(kind=NodeKind.MME, number="4915550000", name="router.visited.example", realm="visited.example")
MSC = ServingNode(kind=NodeKind.MSC, number="15550000302")
IP_SM_GW = ServingNode(kind=NodeKind.IP_SM_GW, number="15550000303")
SERVED = {  # by the last digit of the IMSI
    "1": (MME,), "2": (SGSN,), "3": (MME, SGSN), "4": (ABROAD,), "5": (MSC,), "6": (IP_SM_GW,),
}  # fmt: skip


class Pages:
    """A bearer of a package: it reaches whom an IP-SM-GW serves."""

    def __init__(self) -> None:
        self.brought: list[str] = []

    def takes(self, attempt: Attempt, node: ServingNode) -> bool:
        return node.kind is NodeKind.IP_SM_GW and bool(attempt.trigger.group)

    async def deliver(self, attempt: Attempt, node: ServingNode) -> Delivered:
        self.brought.append(attempt.trigger.imsi[-1])
        return Delivered()


class Entry:
    def __init__(self, name: str, made: Any) -> None:
        self.name = name
        self._made = made

    def load(self) -> object:
        if isinstance(self._made, Exception):
            raise self._made
        return self._made


class Rig:
    """An SMS-SC that has the trigger of a group for each of its members, and the HSS and nodes it speaks with."""

    def __init__(self, pages: Any) -> None:
        self.clock = Clock()
        self.clock.rightNow = NOW
        sgd = Sgd("15550000200", alerted=True)
        s6c = S6c("15550000200", lambda *_: None, realm="example.org", host="hss.example.org")
        dictionary = Dictionary.load()
        self.nodes = FakeRequester(sgd, dictionary, {"MT-Forward-Short-Message-Request": self._of_node})
        answers = {
            "Send-Routing-Info-for-SM-Request": self._of_hss,
            "Report-SM-Delivery-Status-Request": lambda request: request.answer(2001),
        }
        self.hss = FakeRequester(s6c, dictionary, answers)
        own = Selector.of(sgd)
        self.selector = Selector({**own._bearers, "pages": pages}, own._failed)
        self.ways = Ways(sgd, s6c, self.selector)
        self.centre = ServiceCentre(Policy(routed=True))

    def _of_hss(self, request: Message) -> Message:
        nodes = SERVED[request.text("User-Name")[-1]]
        groups = dict(zip(("Serving-Node", "Additional-Serving-Node"), map(to_avps, nodes), strict=False))
        return request.answer(2001, {"User-Name": request.text("User-Name"), **groups})

    def _of_node(self, request: Message) -> Message:
        """The third member left the MME and has not said so."""
        if request.text("User-Name")[-1] == "3" and "MME-Number-for-MT-SMS" in request:
            return request.answer(5550, {"Absent-User-Diagnostic-SM": 1}, vendor=10415)
        return request.answer(2001)

    def deliver(self, member: str) -> Trigger | None:
        """One attempt for a member; the trigger, when that ended it."""
        imsi = f"00101000000000{member}"
        trigger = Trigger(
            scs="15550000100", reference=7, imsi=imsi, external_identifier=f"meter-{member}@customer.example",
            msisdn=None, payload=b"wake", port=16000, priority=False, validity_s=3600, serving=None,
            iwf_host="iwf.example.org", iwf_realm="example.org", submission="s", group=FLEET,
        )  # fmt: skip
        self.centre.accept(trigger, NOW)
        attempt = self.centre.next(imsi, NOW)
        assert attempt is not None
        ended = self.centre.ended(attempt, run(self.ways.deliver(attempt), self.clock), NOW)
        self.hss.settle()
        return ended


@pytest.mark.requirement("S-GRP-38")
def test_each_member_once_by_a_way_that_it_can_receive() -> None:
    pages = Pages()
    rig = Rig(pages)
    ended = {member: rig.deliver(member) for member in SERVED}
    outcomes = {member: None if each is None else each.outcome for member, each in ended.items()}
    good = Outcome.SUCCESSFUL_TRANSFER
    assert outcomes == {"1": good, "2": good, "3": good, "4": good, "5": None, "6": good}
    sent = [(each.text("User-Name")[-1], each.text("Destination-Host")) for each in rig.nodes.requests]
    assert sent == [
        ("1", "mme.example.org"),
        ("2", "sgsn.example.org"),
        ("3", "mme.example.org"),  # absent there, so once more, and taken
        ("3", "sgsn.example.org"),
        ("4", "router.visited.example"),
    ]
    assert pages.brought == ["6"]
    assert rig.selector.counters == {"sgd delivered": 2, "gdd delivered": 2, "sgd absent": 1, "pages delivered": 1}
    over, _ = rig.centre.expire(NOW + 3601)  # whom nothing reaches is told of, too
    assert [(each.imsi[-1], each.outcome) for each in over] == [("5", Outcome.VALIDITY_TIME_EXPIRED)]


def test_a_bearer_of_a_package() -> None:
    pages = Pages()
    assert plugged("pages", lambda: [Entry("pages", lambda: pages)]) is pages
    for entry, fault in (
        (Entry("other", Pages), "pages: no such bearer; our own are sgd, gdd"),
        (Entry("pages", ImportError("gone")), "pages cannot be loaded: gone"),
        (Entry("pages", lambda: None), "pages makes no bearer"),
        (Entry("pages", None), "pages makes no bearer"),
    ):
        with pytest.raises(ConfigError, match=fault):
            plugged("pages", lambda entry=entry: [entry])  # type: ignore[misc]
    with pytest.raises(ConfigError, match="no such bearer"):
        Selector.of(Sgd("15550000200"), ("sgd", "nobody"))


class Faulty:
    """A bearer with a mistake in one of its two questions, or in what it says."""

    def __init__(self, *, asked: bool = False, said: Any = None) -> None:
        self._asked = asked
        self._said = said

    def takes(self, attempt: Attempt, node: ServingNode) -> bool:
        if self._asked:
            raise KeyError(attempt.trigger.imsi)
        return node.kind is NodeKind.IP_SM_GW

    async def deliver(self, _attempt: Attempt, _node: ServingNode) -> Delivered:
        if isinstance(self._said, Exception):
            raise self._said
        return self._said  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("faulty", "error"),
    [
        (Faulty(asked=True), KeyError),
        (Faulty(said=ZeroDivisionError()), ZeroDivisionError),
        (Faulty(said=True), TypeError),
    ],
)
def test_a_bearer_that_raises_has_not_delivered_and_takes_nothing_with_it(
    faulty: Faulty, error: type[Exception]
) -> None:
    rig = Rig(faulty)
    assert rig.deliver("6") is None  # kept, to be tried again
    with pytest.raises(error):
        rig.nodes.settle()  # the node hears of it, once
    rig.nodes.settle()
    assert rig.selector.counters == {"pages raised": 1}
    assert rig.centre.waiting()
    ended = rig.deliver("1")
    assert ended is not None
    assert ended.outcome is Outcome.SUCCESSFUL_TRANSFER


@pytest.mark.parametrize("what", [ZeroDivisionError("at import"), lambda: 1 / 0])
def test_a_package_whose_bearer_cannot_be_made_is_named(what: Any) -> None:
    with pytest.raises(ConfigError, match=r"sms_sc\.bearers: pages cannot be loaded: "):
        plugged("pages", lambda: [Entry("pages", what)])
