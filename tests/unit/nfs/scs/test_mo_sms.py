"""Short messages of devices at the SCS: on Tsp, in memory until taken, and over HTTP (TS 29.368 5.9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from treq.testing import StubTreq

from diameter import Dictionary, Message
from diameter.app import Application
from diameter.testing import Pair
from helpers.schemas import assert_fits
from nfs.common.sms import Submit, UserData, split
from nfs.common.sms_layout import SmsAddress
from nfs.scs import mo_sms
from nfs.scs.api import Scs
from nfs.scs.http import Http
from nfs.scs.mo_sms import OPEN_MESSAGES, REMEMBERED, Messages, ShortMessage, Taking

DICTIONARY = Dictionary.load()
TOKEN = b"a-token-of-some-length"
METER = "meter-1@customer.example"
_stub: Any = StubTreq  # has no types


def submit(data: UserData, reference: int = 1, **more: Any) -> bytes:
    return Submit(reference=reference, destination=SmsAddress(digits="4711", ton=0), user_data=data, **more).encode()


HELLO = submit(split(b"hello", port=16000, reference=1)[0])


def test_nobody_takes_them_until_somebody_wants_them() -> None:
    messages = Messages()
    assert messages.take("iwf", METER, 1, HELLO) is Taking.NOBODY
    heard: list[ShortMessage] = []
    messages.listener = heard.append
    assert messages.take("iwf", METER, 1, HELLO) is Taking.TAKEN
    assert [(each.payload, each.port, each.number) for each in heard] == [(b"hello", 16000, 1)]
    assert messages.after(0) == ()


def test_each_is_handed_on_once_until_it_is_taken() -> None:
    messages = Messages(limit=2)
    assert [messages.take("iwf", METER, number, HELLO) for number in (1, 1, 2)] == [Taking.TAKEN] * 3
    assert messages.take("iwf", METER, 3, HELLO) is Taking.FULL
    assert messages.duplicates == 1
    assert [each.reference for each in messages.after(0)] == [1, 2]
    assert [each.reference for each in messages.after(1)] == [2]
    assert messages.take("iwf", METER, 3, HELLO) is Taking.TAKEN
    assert messages.take("iwf", METER, 4, b"\x00") is Taking.UNREADABLE
    assert [each.reference for each in messages.after(1)] == [2, 3]
    assert messages.take("other-iwf", METER, 3, HELLO) is Taking.FULL  # of another MTC-IWF, so another message


def test_parts_are_joined_in_any_order_and_text_says_its_coding() -> None:
    messages = Messages(limit=10)
    parts = split(bytes(range(256)), port=None, reference=7)
    for number, part in enumerate(reversed(parts)):
        messages.take("iwf", METER, number, submit(part))
    text = submit(UserData(data=b"\xe8\x32\x9b\xfd\x06", septets=5), dcs=0)
    messages.take("iwf", METER, 9, text)
    assert [(each.payload, each.coding, each.port) for each in messages.after(0)] == [
        (bytes(range(256)), 4, None),
        (b"\xe8\x32\x9b\xfd\x06", 0, None),
    ]


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (OPEN_MESSAGES, REMEMBERED) == (1000, 10_000)
    monkeypatch.setattr(mo_sms, "OPEN_MESSAGES", 100)
    monkeypatch.setattr(mo_sms, "REMEMBERED", 300)
    messages = Messages(limit=1, listener=lambda message: None)
    first = submit(split(bytes(200), port=None, reference=1)[0])
    for number in range(310):
        messages.take("iwf", f"meter-{number}@customer.example", number, first)
    assert len(messages._parts) <= 101
    assert len(messages._had) == 300


class Iwf(Application):
    """Brings messages."""

    dictionary = "ts29368_tsp"

    async def bring(self, reference: int, **changed: Any) -> Message:
        notification = {
            "External-Identifier": METER,
            "Reference-Number": reference,
            "Action-Type": 5,
            "SM-RP-UI": HELLO,
            "Application-Port-Identifier": 16000,
        }
        notification |= {name.replace("_", "-"): value for name, value in changed.items()}
        given = {name: value for name, value in notification.items() if value is not None}
        return await self.request("Device-Notification", {"Device-Notification": given}, to=Pair.LEFT)


class Rig:
    """An SCS with HTTP and an MTC-IWF in memory."""

    def __init__(self) -> None:
        self.iwf = Iwf()
        self.scs = Scs(number="15550000100", realm="example.org", mtc_iwf=Pair.RIGHT, clock=lambda: 0.0)
        self.scs.tsp.messages.limit = 2
        self.pair = Pair([self.iwf], [self.scs.tsp], DICTIONARY).open()
        self.treq: Any = _stub(Http(self.scs, TOKEN, 30.0, self.pair.clock).app.resource())
        self.found: list[Any] = []

    def bring(self, reference: int, **changed: Any) -> tuple[int, int] | None:
        answer: Message = self.pair.run(self.iwf.bring(reference, **changed))
        return answer.result

    def ask(self, query: str = "", token: bytes = TOKEN) -> None:
        """Ask for messages; the answer comes into `found` once it is there."""
        headers = {"authorization": b"Bearer " + token}
        _ = self.treq.request("GET", f"http://scs/v1/messages{query}", headers=headers).addCallback(self._read)
        self.flush()

    def _read(self, response: Any) -> None:
        _ = self.treq.content(response).addCallback(lambda body: self.found.append((response.code, json.loads(body))))

    def flush(self, seconds: float = 0.0) -> None:
        for _ in range(4):
            self.pair.clock.advance(seconds / 4)
            self.treq.flush()

    def answer(self) -> Any:
        """The answer to the last question, None while there is none."""
        self.flush()
        if not self.found:
            return None
        code, form = self.found.pop()
        if code == 200:
            assert_fits("scs-messages", form)
        return code, form


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.pair.close()


def test_what_comes_on_tsp_and_what_it_is_answered(rig: Rig) -> None:
    assert rig.bring(1) == (0, 2001)
    assert rig.bring(2, SM_RP_UI=b"\x00") == (0, 5004)
    assert rig.bring(2, SM_RP_UI=None) == (0, 5005)
    assert rig.bring(2, External_Identifier=None) == (0, 5005)
    assert rig.bring(2) == (0, 2001)
    assert rig.bring(2) == (0, 2001)
    rig.scs.tsp.messages.limit = 0
    assert rig.bring(4) == (0, 5012)
    assert rig.scs.tsp.messages.duplicates == 1


def test_an_application_gets_them_by_http(rig: Rig) -> None:
    rig.bring(1)
    rig.bring(2)
    rig.ask()
    code, form = rig.answer()
    assert (code, form["after"], [each["reference"] for each in form["messages"]]) == (200, 2, [1, 2])
    assert form["messages"][0] == {
        "number": 1, "external_identifier": METER, "to": "4711", "port": 16000, "payload": b"hello".hex(),
        "coding": 4, "reference": 1,
    }  # fmt: skip
    rig.ask("?after=2")
    assert rig.answer() == (200, {"schema": 1, "messages": [], "after": 2})


def test_who_waits_gets_the_next_one_at_once_and_nothing_in_the_end(rig: Rig) -> None:
    rig.ask("?wait_s=20")
    rig.flush(19)
    assert rig.answer() is None
    rig.bring(1)
    assert rig.answer()[1]["after"] == 1
    rig.ask("?after=1&wait_s=20")
    rig.flush(21)
    assert rig.answer()[1] == {"schema": 1, "messages": [], "after": 1}


@pytest.mark.parametrize("query", ["?after=x", "?after=-1", "?wait_s=soon"])
def test_what_is_no_number(rig: Rig, query: str) -> None:
    rig.ask(query)
    code, form = rig.answer()
    assert (code, "a number" in form["error"]) == (400, True)


def test_who_has_no_token_gets_nothing(rig: Rig) -> None:
    rig.bring(1)
    rig.ask(token=b"another")
    assert rig.answer()[0] == 401
