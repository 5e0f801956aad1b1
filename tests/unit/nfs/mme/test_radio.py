"""What is on the link between UEs and their MME: names given for a time, and the IMSI where there is no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from diameter.testing import FakeRequester
from helpers.attaching import NUMBER, Core, mme
from helpers.messages import dictionary
from helpers.mobility import IMSI, TUAK_IMSI
from nfs.common.audit import AuditLog
from nfs.common.eps_identity import NO_TMSI, Guti, encode_imsi
from nfs.common.identities import encode_tbcd
from nfs.common.imsi_group import ImsiGroupId
from nfs.common.nas_messages import Kind
from nfs.common.nas_security import Direction
from nfs.common.sms import Deliver, split
from nfs.common.sms_layout import SmsAddress
from nfs.mme.acts import Alerts, Doing
from nfs.mme.logic import Mme, Population, Result
from nfs.mme.membership import Desk
from nfs.mme.mo_sms import Sender
from nfs.mme.names import Names
from nfs.mme.nas import Hop
from nfs.mme.radio import Radio
from nfs.mme.scenario.model import EventTable
from nfs.mme.sgd import Sgd
from nfs.ue.logic import Behaviour
from nfs.ue.membership import Credentials

GUMMEI = bytes.fromhex("00f110000101")
GROUP = "00000001-001-01-07"
KEY = bytes(range(32))


def deliver(number: int, group: str = "") -> bytes:
    """An SMS-DELIVER with a trigger."""
    sent = datetime(2026, 1, 2, 3, 4, number, tzinfo=UTC)
    data = split(b"open the valve", port=8000, reference=1, group=group)[0]
    return Deliver(originator=SmsAddress(digits="15550000100"), scts=sent, user_data=data).encode()


class Lab:
    """An HSS, and an MME with two UEs; `heard`: whatever was on the link."""

    def __init__(self, folder: Path, *, secured: bool) -> None:
        self.s6a, _ = mme(NUMBER)
        self.other, _ = mme()
        self.core = Core(folder, self.s6a, self.other)
        self.heard: list[tuple[Direction, bytes]] = []
        self.lost: set[int] = set()
        self.radio = self.s6a.radio
        self.radio.hop = Hop(self.air, secured=secured, attached=lambda imsi: imsi in self.s6a.ues.contexts)
        self.mme = Mme.of([Population(first_imsi=IMSI, count=2)])
        self.mme.hop = self.radio
        self.audit = AuditLog(folder / "audit", "mme.example")
        self.desk = Desk(self.s6a.ues, {}, self.audit, "mme.example")
        sgd = Sgd(self.mme)
        FakeRequester(sgd, dictionary(), {"MO-Forward-Short-Message": lambda request: request.answer(2001)})
        sender = Sender(sgd, ("sc.example", "example", "15550000100"), link=self.radio)
        self.doing = Doing(self.s6a, Alerts(), sender, self.desk)

    def air(self, way: Direction, octets: bytes) -> bytes | None:
        self.heard.append((way, octets))
        return None if len(octets) > 1 and octets[1] in self.lost else octets

    def forward(self, number: int, imsi: str = IMSI, group: str = "") -> int:
        result = self.mme.forward(imsi, deliver(number, group))
        assert isinstance(result, Result)
        return result.code

    def name(self, imsi: str = IMSI) -> Guti:
        """What a UE is called; it and its MME agree."""
        found = self.radio.ues.guti(imsi)
        assert found is not None
        assert self.radio.names.of(imsi) == (found,)
        assert self.radio.names.who(found) == imsi
        return found

    @property
    def pagings(self) -> list[bytes]:
        return [octets for way, octets in self.heard if way is Direction.DOWNLINK and len(octets) == 5]

    def close(self) -> None:
        self.core.close()
        self.audit.close()


@pytest.fixture(params=[False, True], ids=["clear", "secured"])
def lab(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Lab]:
    lab = Lab(tmp_path, secured=request.param)
    yield lab
    lab.close()


def patterns(imsi: str) -> list[bytes]:
    """An IMSI as text, as TBCD, as EPS mobile identity and as a number, each of 8 octets and more."""
    tbcd, identity = encode_tbcd(imsi), encode_imsi(imsi)
    number = [int(imsi).to_bytes(8), int(imsi).to_bytes(8, "little"), imsi.encode("utf-16-le")]
    return [imsi.encode(), imsi[5:].encode(), tbcd, identity, *number]


def said(heard: list[tuple[Direction, bytes]], imsi: str) -> list[tuple[Direction, bytes]]:
    """The messages with an IMSI in them."""
    return [each for each in heard if any(pattern in each[1] for pattern in patterns(imsi))]


@pytest.mark.requirement("R-ID-02", "T-ID-01")
def test_an_imsi_is_on_the_link_once_and_never_again(lab: Lab) -> None:
    """Attach, update, paging, short messages both ways, a group message, a claim, detach, and all of it again."""
    both = (IMSI, TUAK_IMSI)
    for imsi in both:
        assert all(len(pattern) >= 8 for pattern in patterns(imsi))
        assert lab.core.wait(lab.s6a.attach(imsi)).good
        assert [octets[1] for _, octets in said(lab.heard, imsi)] == [Kind.ATTACH_REQUEST]
    del lab.heard[:]
    group = ImsiGroupId.parse(GROUP)
    lab.desk._credentials = {group: Credentials(group=group, key_id=1, key=KEY)}
    for turn in range(2):
        lab.s6a.ues.contexts[IMSI].insert({"IMSI-Group-Id": [group.avps()]})
        for imsi in both:
            assert lab.core.wait(lab.doing.update(imsi))
            assert lab.forward(turn, imsi) == 2001
            assert lab.forward(turn + 10, imsi, "fleet@customer.example") == 2001
            joined = lab.core.wait(lab.doing.join(imsi, EventTable(do="join", group=GROUP, at_s=0)))
            assert joined == (imsi == IMSI)
            assert lab.core.wait(lab.doing.send(imsi, EventTable(do="send", to="15550000200", payload="up", at_s=0)))
            assert lab.radio.told(imsi, b"report") == b"report"
            assert lab.core.wait(lab.s6a.detach(imsi)).good
            assert lab.core.wait(lab.s6a.attach(imsi)).good
    assert lab.mme.inbox.count == 8
    assert len(lab.heard) > 100
    assert len(lab.pagings) >= 12
    for imsi in both:
        assert said(lab.heard, imsi) == []
    clear = [octets for _, octets in lab.heard if KEY in octets]
    assert clear == []


@pytest.mark.requirement("R-ID-02")
def test_a_ue_is_paged_by_the_name_it_has_now_and_each_answers_to_its_own(lab: Lab) -> None:
    for imsi in (IMSI, TUAK_IMSI):
        assert lab.core.wait(lab.s6a.attach(imsi)).good
    names = [lab.name()]
    assert names[0].gummei == GUMMEI
    assert lab.name(TUAK_IMSI) != names[0]
    assert lab.forward(1) == 2001
    assert lab.core.wait(lab.doing.update(IMSI))
    assert lab.forward(2) == 2001
    names.append(lab.name())
    assert lab.core.wait(lab.s6a.detach(IMSI)).good
    assert lab.core.wait(lab.s6a.attach(IMSI)).good
    assert lab.forward(3) == 2001
    names.append(lab.name())
    assert len(set(names)) == 3
    assert lab.pagings == [name.s_tmsi for name in names]
    assert lab.radio.ues.paged(names[2].s_tmsi) == IMSI
    for stale in (*names[:2], Guti(GUMMEI, NO_TMSI), Guti(GUMMEI[:5] + b"\7", names[2].m_tmsi)):
        assert lab.radio.ues.paged(stale.s_tmsi) is None
    assert lab.radio.pagings == {"answered": 3}
    lab.mme.ues[IMSI].behaviour = Behaviour.NO_PAGING
    assert lab.forward(4) == 5550
    assert lab.pagings[-1] == names[2].s_tmsi
    assert lab.radio.pagings == {"answered": 3, "not answered": 1}


def test_a_name_that_got_lost_leaves_one_that_both_know(tmp_path: Path) -> None:
    lab = Lab(tmp_path, secured=False)
    assert lab.core.wait(lab.s6a.attach(IMSI)).good
    old = lab.name()
    lab.lost = {Kind.UPDATE_ACCEPT}  # the UE never hears it
    assert not lab.core.wait(lab.doing.update(IMSI))
    assert lab.radio.ues.guti(IMSI) == old
    assert lab.forward(1) == 2001
    lab.lost = {Kind.UPDATE_COMPLETE}  # the MME never hears that the UE has it
    assert not lab.core.wait(lab.doing.update(IMSI))
    new = lab.radio.ues.guti(IMSI)
    assert new is not None
    assert lab.radio.names.of(IMSI) == (old, new)
    assert lab.forward(2) == 2001
    assert lab.pagings[-2:] == [old.s_tmsi, new.s_tmsi]
    lab.lost = set()
    assert lab.core.wait(lab.doing.update(IMSI))
    assert lab.name() not in (old, new)
    assert lab.radio.names.who(old) is lab.radio.names.who(new) is None
    lab.lost = {Kind.ATTACH_REQUEST}
    outcome = lab.core.wait(lab.s6a.attach(IMSI))
    assert (outcome.good, outcome.step, outcome.why) == (False, "identity", "lost")
    lab.lost = {Kind.ATTACH_COMPLETE}
    outcome = lab.core.wait(lab.s6a.attach(IMSI))
    assert (outcome.good, outcome.step, outcome.why) == (False, "accept", "lost")
    lab.close()


def test_who_comes_from_another_mme_is_asked_who_it_is(lab: Lab) -> None:
    assert lab.core.wait(lab.s6a.attach(IMSI)).good
    before = lab.name()
    assert lab.core.wait(lab.other.attach(IMSI, initial=False)).good
    lab.core.rig.clock.pump([0.01] * 20)
    assert lab.radio.names.of(IMSI) == ()  # Cancel-Location
    assert lab.radio.names.who(before) is None
    del lab.heard[:]
    assert lab.core.wait(lab.s6a.attach(IMSI, initial=False)).good
    assert [octets[1] for _, octets in lab.heard[:3]] == [
        Kind.UPDATE_REQUEST,
        Kind.IDENTITY_REQUEST,
        Kind.IDENTITY_RESPONSE,
    ]
    assert len(said(lab.heard, IMSI)) == 1
    assert lab.name() != before


def test_who_says_the_name_of_another_is_not_let_in(tmp_path: Path) -> None:
    lab = Lab(tmp_path, secured=False)
    for imsi in (IMSI, TUAK_IMSI):
        assert lab.core.wait(lab.s6a.attach(imsi)).good
    lab.radio.ues.take(IMSI, lab.name(TUAK_IMSI))
    outcome = lab.core.wait(lab.s6a.attach(IMSI))
    assert (outcome.good, outcome.step, outcome.why) == (False, "identity", "the name of another UE")
    lab.close()


def test_a_ue_that_is_just_there_has_a_name_without_having_said_its_own() -> None:
    heard: list[bytes] = []

    def air(_way: Direction, octets: bytes) -> bytes:
        heard.append(octets)
        return octets

    radio = Radio(GUMMEI, {}, Hop(air), draw=count(7).__next__)
    lab = Mme.of([Population(first_imsi=IMSI, count=2)])
    lab.hop = radio
    for number in range(2):
        result = lab.forward(IMSI, deliver(number))
        assert result is not None
        assert result.code == 2001
    assert len(radio.names) == 1
    assert heard[0] == heard[4] == bytes.fromhex("0100000007")
    assert radio.claim(IMSI, GROUP) == GROUP


@pytest.mark.requirement("R-ID-02")
def test_no_two_have_one_name() -> None:
    drawn = iter([5, 5, NO_TMSI, 6, 5, 6, 7, 5])
    names = Names(GUMMEI, drawn.__next__)
    first = names.offer("one")
    names.confirm("one")
    assert names.offer("two").m_tmsi == 6
    assert names.offer("two").m_tmsi == 7  # the one that was offered before is free
    names.confirm("two")
    names.confirm("two")
    assert names.who(first) == "one"
    names.drop("one")
    assert names.of("one") == ()
    assert names.offer("three") == first
    assert names.who(Guti(GUMMEI[:5] + b"\7", 5)) is None
