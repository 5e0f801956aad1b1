"""A device's short message at the MTC-IWF: what the SMS-SC is told of each refusal of HSS and SCS (TS 29.338 7.3)."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from diameter import ConfigError
from diameter.config import parse
from diameter.testing import run
from helpers.network import IWF_TOML
from nfs.common.sm_failure import TGPP, FailureCause
from nfs.common.sms import Submit, split
from nfs.common.sms_layout import SmsAddress
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.mo_sms import Brought, Message, MoSms, Note, Target
from nfs.mtc_iwf.ports import HssRefused, Unavailable

TARGET = Target(
    name="customer",
    isdn="15550000100",
    hosts=("a.customer.example", "b.customer.example"),
    realm="customer.example",
    domains=frozenset({"customer.example"}),
)
IMSI = "001010000000001"


class World:
    """HSS and SCS by script."""

    def __init__(self) -> None:
        self.named: Any = "meter-1@customer.example"
        self.answers: dict[str, Any] = {}
        self.asked: list[tuple[Any, ...]] = []
        self.notes: list[tuple[Note, str]] = []

    async def name(self, *, imsi: str | None, msisdn: str | None, port: int | None, scs: str) -> str:
        self.asked.append((imsi, msisdn, port, scs))
        if isinstance(self.named, Exception):
            raise self.named
        return str(self.named)

    async def bring(self, note: Note, host: str) -> tuple[int, int] | None:
        self.notes.append((note, host))
        answer = self.answers.get(host, (0, 2001))
        if isinstance(answer, Exception):
            raise answer
        result: tuple[int, int] | None = answer
        return result


@pytest.fixture
def world() -> World:
    return World()


def done(coroutine: Coroutine[Any, Any, Brought]) -> Brought:
    return run(coroutine)


def procedure(world: World, **more: Any) -> MoSms:
    return MoSms(hss=world, scs=world, number="15550000400", targets={"4711": TARGET}, **more)


def message(**changed: Any) -> Message:
    (data,) = split(b"21.5 C", port=changed.pop("port", 16000), reference=1)
    tpdu = Submit(reference=1, destination=SmsAddress(digits=changed.pop("to", "4711"), ton=0), user_data=data).encode()
    return Message(**{"sc_address": "15550000400", "imsi": IMSI, "tpdu": tpdu, **changed})


def test_a_message_reaches_its_scs_under_its_name_outside(world: World) -> None:
    mo_sms = procedure(world, next_reference=0xFFFF_FFFF)
    brought = done(mo_sms.bring(message()))
    assert (brought.verdict.good, brought.external_id) == (True, "meter-1@customer.example")
    assert world.asked == [(IMSI, None, 16000, "15550000100")]
    ((note, host),) = world.notes
    assert (note.external_id, note.reference, note.port, host) == (
        "meter-1@customer.example", 0xFFFF_FFFF, 16000, "a.customer.example",
    )  # fmt: skip
    assert note.tpdu == message().tpdu
    done(mo_sms.bring(message()))
    assert world.notes[1][0].reference == 0
    assert mo_sms.counts == {"brought": 2}


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"sc_address": "15550000401"}, FailureCause.UNKNOWN_SERVICE_CENTRE),
        ({"sc_address": ""}, FailureCause.UNKNOWN_SERVICE_CENTRE),
        ({"tpdu": b"\x00"}, FailureCause.EQUIPMENT_PROTOCOL_ERROR),
        ({"tpdu": bytes(201)}, FailureCause.EQUIPMENT_PROTOCOL_ERROR),
        ({"to": "4712"}, FailureCause.INVALID_SME_ADDRESS),
    ],
)
def test_what_is_refused_before_anybody_is_asked(world: World, changed: dict[str, Any], cause: FailureCause) -> None:
    brought = done(procedure(world).bring(message(**changed)))
    assert (brought.verdict.result, brought.verdict.cause) == ((TGPP, 5555), cause)
    assert world.asked == world.notes == []


@pytest.mark.parametrize(
    ("named", "result", "cause"),
    [
        (HssRefused(5001), (TGPP, 5555), FailureCause.USER_NOT_SC_USER),
        (HssRefused(5510), (TGPP, 5555), FailureCause.USER_NOT_SC_USER),
        (HssRefused(5511), (TGPP, 5552), None),
        (HssRefused(5598), (TGPP, 5555), FailureCause.EQUIPMENT_PROTOCOL_ERROR),
        (HssRefused(5999), (0, 5012), None),
        (Unavailable("HSS: no answer"), (0, 5012), None),
        ("meter-1@other.example", (TGPP, 5555), FailureCause.USER_NOT_SC_USER),
        ("no identifier", (TGPP, 5555), FailureCause.USER_NOT_SC_USER),
    ],
)
def test_what_the_hss_has_against_it(
    world: World, named: Any, result: tuple[int, int], cause: FailureCause | None
) -> None:
    world.named = named
    brought = done(procedure(world).bring(message()))
    assert (brought.verdict.result, brought.verdict.cause) == (result, cause)
    assert world.notes == []


@pytest.mark.parametrize(
    ("answer", "result", "cause"),
    [
        ((0, 3004), (TGPP, 5555), FailureCause.SC_CONGESTION),
        ((0, 5003), (TGPP, 5555), FailureCause.USER_NOT_SC_USER),
        ((0, 5012), (TGPP, 5552), None),
        ((0, 5004), (TGPP, 5552), None),
    ],
)
def test_what_the_scs_has_against_it(
    world: World, answer: Any, result: tuple[int, int], cause: FailureCause | None
) -> None:
    world.answers["a.customer.example"] = answer
    brought = done(procedure(world).bring(message()))
    assert (brought.verdict.result, brought.verdict.cause) == (result, cause)
    assert [host for _, host in world.notes] == ["a.customer.example"]


@pytest.mark.parametrize("trouble", [Unavailable("SCS: away"), None, (0, 3002)])
def test_another_host_of_the_scs_takes_it(world: World, trouble: Any) -> None:
    world.answers["a.customer.example"] = trouble
    assert done(procedure(world).bring(message())).verdict.good
    world.answers["b.customer.example"] = trouble
    assert done(procedure(world).bring(message())).verdict.result == (0, 3002)


def test_so_many_at_once(world: World) -> None:
    mo_sms = procedure(world, at_once=1)
    mo_sms.open = 1
    assert done(mo_sms.bring(message())).verdict.cause is FailureCause.SC_CONGESTION
    assert (mo_sms.open, mo_sms.counts) == (1, {"SC_CONGESTION": 1})


MO_SMS = """
[mo_sms]
number = "15550000400"
[[mo_sms.scs]]
name = "customer"
realm = "customer.example"
destinations = ["4711"]
"""


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (MO_SMS.replace('"customer"', '"nobody"'), r"mo_sms\.scs\.0\.name: no \[\[scs\]\] table has this name"),
        (MO_SMS + '[[mo_sms.scs]]\nname = "other"\nrealm = "other.example"\ndestinations = ["4711"]\n',
         r"mo_sms\.scs\.1\.destinations: 4711 is of another SCS too"),
        (MO_SMS.replace('"4711"', '"4711x"'), "short code or number of 1 to 20 digits"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_named(tmp_path: Path, more: str, complaint: str) -> None:
    parse(IWF_TOML + MO_SMS, IwfConfig, source="iwf.toml", base=tmp_path)
    with pytest.raises(ConfigError, match=complaint):
        parse(IWF_TOML + more, IwfConfig, source="iwf.toml", base=tmp_path)
