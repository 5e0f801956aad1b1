"""S6a at the HSS from octets as MMEs in the field write them: AVPs in any order, M bits as they come."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import decode, encode
from diameter.wire import avp
from helpers.messages import dictionary
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


# What the MME of Open5GS 2.7.6 sent to our HSS on 2026-11-22 for a UE with the keys of interop/open5gs/usims.csv.
ITS_AIR = bytes.fromhex(
    "01000100c000013e010000235434813cc86035f6000001074000002c6d6d652e6c6f63616c646f6d61696e3b313739353333"
    "333235343b313b6170705f733661000001154000000c0000000100000108400000176d6d652e6c6f63616c646f6d61696e00"
    "00000128400000136c6f63616c646f6d61696e000000011b400000136c6f63616c646f6d61696e0000000001400000173030"
    "313031303030303030303030310000000580c000002c000028af00000582c0000010000028af0000000100000584c0000010"
    "000028af000000010000057fc000000f000028af00f1100000000104400000200000010a4000000c000028af000001024000"
    "000c01000023"
)
ITS_RESYNCHRONISATION = bytes.fromhex(
    "0100012cc000013e010000237d55ed98ccc3b6de000001074000002c6d6d652e6c6f63616c646f6d61696e3b313739353333"
    "333332343b323b6170705f733661000001154000000c0000000100000108400000176d6d652e6c6f63616c646f6d61696e00"
    "00000128400000136c6f63616c646f6d61696e000000011b400000136c6f63616c646f6d61696e0000000001400000173030"
    "313031303030303030303030310000000580c0000058000028af00000582c0000010000028af0000000100000584c0000010"
    "000028af0000000100000583c000002a000028af7ff1145470465ca614b9e06041310b810e3baf128d556f2737c495fafbdf"
    "00000000057fc000000f000028af00f1100000000104400000200000010a4000000c000028af000001024000000c01000023"
)
ITS_ULR = bytes.fromhex(
    "0100013cc000013c010000235434813dc86035f7000001074000002c6d6d652e6c6f63616c646f6d61696e3b313739353333"
    "333235343b323b6170705f733661000001154000000c0000000100000108400000176d6d652e6c6f63616c646f6d61696e00"
    "00000128400000136c6f63616c646f6d61696e000000011b400000136c6f63616c646f6d61696e0000000001400000173030"
    "313031303030303030303030310000000579c0000038000028af0000057ac000001a000028af333538353536363736373738"
    "383900000000057bc000000e000028af383100000000040880000010000028af000003ec0000057dc0000010000028af0000"
    "00020000057fc000000f000028af00f110000000064f80000010000028af0000000000000104400000200000010a4000000c"
    "000028af000001024000000c01000023"
)


@pytest.mark.parametrize("octets", [ITS_AIR, ITS_RESYNCHRONISATION, ITS_ULR], ids=["air", "resync", "ulr"])
def test_requests_of_open5gs_are_without_fault(octets: bytes) -> None:
    request = decode(octets, dictionary())
    assert (request.faults, request.text("Origin-Host")) == ((), "mme.localdomain")
    assert encode(request) == octets


def test_the_air_of_open5gs_after_a_synchronisation_failure(rig: Rig) -> None:
    """The UE answered the vector with AUTS: SQN 0x85c3440466 was ahead by 2^15."""
    first = rig.octets(318, [ITS_AIR[20:]])["Authentication-Info"].all("E-UTRAN-Vector")
    assert len(first) == 1
    accept(usim(), *_of(first[0]))
    answer = rig.octets(318, [ITS_RESYNCHRONISATION[20:]])
    assert answer.result == (0, 2001)
    sqn, _ = accept(usim(), *_of(answer["Authentication-Info"]["E-UTRAN-Vector"]))
    assert 0x85C3448466 < int.from_bytes(sqn) < 0x85C3450000


def test_the_ulr_of_open5gs(rig: Rig) -> None:
    """No Supported-Features, ULR-Flags 2: no initial attach is said."""
    answer = rig.octets(316, [ITS_ULR[20:]])
    assert answer.result == (0, 2001)
    assert "Supported-Features" not in answer
    registered = rig.registered()["mme"]
    assert (registered.imei, registered.software) == ("35855667677889", "81")
