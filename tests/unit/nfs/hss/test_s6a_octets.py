"""S6a at the HSS from octets as MMEs in the field write them: AVPs in any order, M bits as they come."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter.wire import avp
from helpers.mobility import ENDS, HOME, IMSI, TGPP, Rig, accept, usim


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def _of(vector: Any) -> tuple[bytes, bytes]:
    return vector["RAND"], vector["AUTN"]


VSAI = avp.build(
    260, 0, 0x40, avp.build(266, 0, 0x40, TGPP.to_bytes(4)) + avp.build(258, 0, 0x40, bytes.fromhex("01000023"))
)
SESSION = avp.build(263, 0, 0x40, b"mme.visited.example;1;2;app_s6a")
USER = avp.build(1, 0, 0x40, IMSI.encode())


def _tgpp(code: int, data: bytes, flags: int = 0xC0) -> bytes:
    return avp.build(code, TGPP, flags, data)


def _word(number: int) -> bytes:
    return number.to_bytes(4)


@pytest.mark.parametrize("flags", [0xC0, 0x80])
def test_octets_of_an_air(rig: Rig, flags: int) -> None:
    """Vendor-Specific-Application-Id at the end, the M bits set or clear, an unknown AVP without M."""
    asked = _tgpp(1408, _tgpp(1410, _word(1), flags) + _tgpp(1412, _word(1), flags), flags)
    unknown = avp.build(65000, 9999, 0x80, b"ours")
    answer = rig.octets(318, [SESSION, *ENDS, USER, asked, _tgpp(1407, HOME, flags), unknown, VSAI])
    assert answer.result == (0, 2001)
    assert answer["Session-Id"] == "mme.visited.example;1;2;app_s6a"
    accept(usim(), *_of(answer["Authentication-Info"]["E-UTRAN-Vector"]))
    assert answer["Auth-Session-State"] == 1


def test_octets_of_an_air_in_any_order(rig: Rig) -> None:
    asked = _tgpp(1408, _tgpp(1412, _word(0)) + _tgpp(1410, _word(2)))
    rest = [VSAI, _tgpp(1407, HOME), asked, USER, *ENDS]
    for order in itertools.islice(itertools.permutations(rest), 0, 40320, 4001):
        answer = rig.octets(318, [SESSION, *order])
        assert len(answer["Authentication-Info"].all("E-UTRAN-Vector")) == 2


def test_octets_of_a_ulr(rig: Rig) -> None:
    """Terminal-Information of 14 and 2 digits, flags 1 and 5, no wish for SMS, VSAI last."""
    terminal = _tgpp(1401, _tgpp(1402, b"35299708123456") + _tgpp(1403, b"78"))
    features = avp.build(
        628,
        TGPP,
        0x80,
        avp.build(266, 0, 0x40, _word(TGPP)) + _tgpp(629, _word(1), 0x80) + _tgpp(630, _word(0x1C000607), 0x80),
    )
    avps = [SESSION, *ENDS, USER, terminal, _tgpp(1032, _word(1004), 0x80), _tgpp(1405, _word(0x22))]
    avps += [_tgpp(1615, _word(0), 0x80), _tgpp(1407, HOME), _tgpp(1648, _word(1), 0x80), features, VSAI]
    answer = rig.octets(316, avps)
    assert answer.result == (0, 2001)
    assert "ULA-Flags" in answer
    apn = answer["Subscription-Data"]["APN-Configuration-Profile"].all("APN-Configuration")[0]
    for name in ("Context-Identifier", "PDN-Type", "Service-Selection", "EPS-Subscribed-QoS-Profile", "AMBR"):
        assert name in apn
    assert "AMBR" in answer["Subscription-Data"]
    assert answer.faults == ()
    purge = rig.octets(321, [SESSION, *ENDS, USER, _tgpp(1635, _word(1), 0x80), VSAI])
    assert (purge.result, purge["PUA-Flags"]) == ((0, 2001), 1)


def test_octets_of_a_notification(rig: Rig) -> None:
    rig.ulr()
    answer = rig.octets(323, [SESSION, VSAI, *ENDS, USER, _tgpp(1443, _word(1 << 8 | 1 << 3))])
    assert answer.result == (0, 2001)
