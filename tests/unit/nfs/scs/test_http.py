"""The SCS's HTTP interface: who may ask, what comes back, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from treq.testing import StubTreq

from diameter import ConfigError, Dictionary, Message
from diameter.app import Application, answers
from diameter.config import parse
from diameter.testing import Pair
from helpers.schemas import assert_fits
from nfs.scs.__main__ import read_token
from nfs.scs.api import Scs
from nfs.scs.config import ScsConfig
from nfs.scs.http import BODY_LIMIT, Http

DICTIONARY = Dictionary.load()
_stub: Any = StubTreq  # has no types
TOKEN = b"a-token-of-some-length"
TRIGGER = {"external_identifier": "meter-1@customer.example", "payload": "00ff", "port": 16000, "reference": 7}


class Iwf(Application):
    """Takes triggers with `status`; reports when told to."""

    dictionary = "ts29368_tsp"
    status = 0

    @answers("Device-Action-Request")
    def device_action(self, request: Message) -> Message:
        action = request["Device-Action"]
        notification = {"Reference-Number": action["Reference-Number"], "Action-Type": 1, "Request-Status": self.status}
        return request.answer(2001, {"Device-Notification": notification})

    async def report(self, reference: int) -> tuple[int, int] | None:
        notification = {"Reference-Number": reference, "Action-Type": 2, "Delivery-Outcome": 0}
        answer = await self.request("Device-Notification", {"Device-Notification": notification}, to=Pair.LEFT)
        return answer.result


class Rig:
    """An SCS and an MTC-IWF in memory, and a client of the SCS."""

    def __init__(self) -> None:
        self.iwf = Iwf()
        self.scs = Scs(number="15550000100", realm="example.org", mtc_iwf=Pair.RIGHT, clock=lambda: 0.0)
        self.pair = Pair([self.iwf], [self.scs.tsp], DICTIONARY).open()
        self.treq: Any = _stub(Http(self.scs, TOKEN, 30.0, self.pair.clock).app.resource())

    def ask(self, method: str, path: str, *, token: bytes | None = TOKEN, advance_s: float = 0.1, **more: Any) -> Any:
        """(status, JSON, WWW-Authenticate) of the answer after `advance_s`; None while there is none."""
        headers = {} if token is None else {"authorization": b"Bearer " + token}
        found: list[Any] = []
        waiting = self.treq.request(method, f"http://scs/v1/triggers{path}", headers=headers, **more)
        _ = waiting.addCallback(found.append)
        self.advance(advance_s)
        if not found:
            return None
        body: list[bytes] = []
        _ = self.treq.content(found[0]).addCallback(body.append)
        self.treq.flush()
        challenge = found[0].headers.getRawHeaders("www-authenticate")
        assert_fits("scs-answer", json.loads(body[0]))
        return found[0].code, json.loads(body[0]), challenge

    def advance(self, seconds: float) -> None:
        for _ in range(10):
            self.pair.clock.advance(seconds / 10)
            self.treq.flush()

    def post(self, form: object, path: str = "", **more: Any) -> Any:
        return self.ask("POST", path, data=json.dumps(form).encode(), **more)


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.pair.close()


def test_a_trigger_is_accepted_and_later_reported(rig: Rig) -> None:
    status, report, _ = rig.post(TRIGGER)
    assert (status, report["stage"], report["reference"], report["request_status"]) == (202, "accepted", 7, "SUCCESS")
    status, report, _ = rig.ask("GET", "/7")
    assert (status, report["stage"]) == (200, "accepted")
    assert rig.pair.run(rig.iwf.report(7)) == (0, 2001)
    status, report, _ = rig.ask("GET", "/7")
    assert (status, report["stage"], report["delivered"]) == (200, "reported", True)


def test_waiting_for_the_end(rig: Rig) -> None:
    waiting: list[Any] = []
    headers = {"authorization": b"bearer " + TOKEN}
    url = "http://scs/v1/triggers?wait_s=20"
    _ = rig.treq.post(url, headers=headers, data=json.dumps(TRIGGER).encode()).addCallback(waiting.append)
    rig.advance(1.0)
    assert waiting == []
    rig.pair.run(rig.iwf.report(7))
    rig.treq.flush()
    assert [answer.code for answer in waiting] == [200]


def test_waiting_has_an_end(rig: Rig) -> None:
    status, report, _ = rig.post(TRIGGER, "?wait_s=5", advance_s=8.0)
    assert (status, report["stage"]) == (202, "accepted")
    assert rig.ask("GET", "/7?wait_s=1000", advance_s=29.0) is None
    assert rig.ask("GET", "/7?wait_s=-3")[0] == 200


def test_a_refusal_and_a_failure(rig: Rig) -> None:
    rig.iwf.status = 102
    status, report, _ = rig.post(TRIGGER)
    assert (status, report["stage"], report["request_status"]) == (409, "refused", "INVEXTID")
    rig.pair.wait(rig.pair.right.stop())
    status, report, _ = rig.post({**TRIGGER, "reference": 8})
    assert (status, report["stage"]) == (502, "failed")


@pytest.mark.parametrize("token", [None, b"", b"a-token-of-some-lengtH", TOKEN + b"x"])
@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("GET", "/7")])
def test_without_the_token_nothing_happens(rig: Rig, token: bytes | None, method: str, path: str) -> None:
    status, problem, challenge = rig.ask(method, path, token=token, data=json.dumps(TRIGGER).encode())
    assert (status, challenge) == (401, ["Bearer"])
    assert "token" in problem["error"]
    assert not rig.scs.ledger.open


def test_another_scheme_is_no_token(rig: Rig) -> None:
    answer: list[Any] = []
    _ = rig.treq.get("http://scs/v1/triggers/7", headers={"authorization": b"Basic " + TOKEN}).addCallback(
        answer.append
    )
    rig.treq.flush()
    assert answer[0].code == 401


@pytest.mark.parametrize(
    ("body", "path", "status", "text"),
    [
        (b"{", "", 400, "Expecting"),
        (b"[" * 30_000, "", 400, ""),
        (b"\xff", "", 400, "utf-8"),
        (b"{}", "", 400, "one of the two"),
        (b'{"imsi": "001010000000001", "msisdn": "15551234567"}', "", 400, "imsi: unknown key"),
        (b" " * (BODY_LIMIT + 1), "", 413, "at most"),
        (json.dumps(TRIGGER).encode(), "?wait_s=soon", 400, "wait_s"),
    ],
)
def test_bad_requests(rig: Rig, body: bytes, path: str, status: int, text: str) -> None:
    answer = rig.ask("POST", path, data=body)
    assert answer[0] == status
    assert text in answer[1]["error"]
    assert not rig.scs.ledger.open


def test_a_reference_in_use(rig: Rig) -> None:
    rig.post(TRIGGER)
    status, problem, _ = rig.post(TRIGGER)
    assert (status, problem["error"]) == (400, "reference 7 is open")


def test_unknown_references(rig: Rig) -> None:
    assert rig.ask("GET", "/99")[0] == 404
    assert rig.ask("GET", "/7?wait_s=soon")[0] == 400


def test_tokens(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(TOKEN + b"\nsomething else\n")
    assert read_token(path) == TOKEN
    path.write_bytes(b"short\n")
    with pytest.raises(ConfigError, match="16 characters"):
        read_token(path)


def test_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(TOKEN)
    text = """
[node]
origin_host = "scs.customer.example"
origin_realm = "customer.example"
[scs]
number = "+15550000100"
realm = "operator.example"
[http]
port = 0
token = "token"
"""
    config = parse(text, ScsConfig, source="scs.toml", base=tmp_path)
    assert (config.scs.number, config.scs.mtc_iwf) == ("15550000100", None)
    with pytest.raises(ConfigError) as wrong:
        parse(text.replace("+1555", "x"), ScsConfig, source="scs.toml", base=tmp_path)
    assert "scs.toml: scs.number: " in str(wrong.value)
