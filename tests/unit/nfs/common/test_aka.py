"""Milenage, TUAK, AUTN, AUTS and KASME against the published sets; sealed keys open for nobody else."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

import pytest

from nfs.common.aka import AkaError, Algorithm, Milenage, Outputs, Seal, autn, auts, kasme, opc_of, resynchronise
from nfs.common.tuak import Lengths, Tuak, topc_of

DATA = Path(__file__).resolve().parents[3] / "data"


def sets(name: str) -> list[Any]:
    """The sets of a file, each a dictionary of octets, as parameters."""
    found: list[Any] = []
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found.append(pytest.param({}, id=re.sub(r"\W+", "-", line.strip("[]"))))
        elif line and not line.startswith("#"):
            key, value = line.split()
            found[-1].values[0][key] = bytes.fromhex(value)
    return found


MILENAGE, TUAK = sets("milenage.txt"), sets("tuak.txt")
FIRST: dict[str, bytes] = MILENAGE[0].values[0]


def test_every_set_is_there() -> None:
    assert (len(MILENAGE), len(TUAK)) == (8, 6)


@pytest.mark.parametrize("given", MILENAGE)
def test_milenage(given: dict[str, bytes]) -> None:
    assert opc_of(given["K"], given["OP"]) == given["OPc"]
    algorithm = Milenage(given["K"], given["OPc"])
    out = algorithm.outputs(given["RAND"], given["SQN"], given["AMF"])
    assert out == Outputs(*(given[name] for name in ("f1", "f2", "f3", "f4", "f5")))
    assert algorithm.mac_s(given["RAND"], given["SQN"], given["AMF"]) == given["f1*"]
    assert algorithm.ak_s(given["RAND"]) == given["f5*"]
    assert autn(out, given["SQN"], given["AMF"]) == given["AUTN"]
    assert auts(algorithm, given["RAND"], given["SQN"]) == given["AUTS"]
    assert resynchronise(algorithm, given["RAND"] + given["AUTS"]) == given["SQN"]


@pytest.mark.parametrize("given", TUAK)
def test_tuak(given: dict[str, bytes]) -> None:
    lengths = Lengths(mac=len(given["f1"]), res=len(given["f2"]), ck=len(given["f3"]), ik=len(given["f4"]))
    for iterations in (1, 2):
        if topc_of(given["K"], given["TOP"], iterations) == given["TOPc"]:
            break
    else:
        pytest.fail("TOPc with neither one nor two iterations")
    algorithm = Tuak(given["K"], given["TOPc"], lengths, iterations)
    out = algorithm.outputs(given["RAND"], given["SQN"], given["AMF"])
    assert out == Outputs(*(given[name] for name in ("f1", "f2", "f3", "f4", "f5")))
    assert algorithm.mac_s(given["RAND"], given["SQN"], given["AMF"]) == given["f1*"]
    assert algorithm.ak_s(given["RAND"]) == given["f5*"]


def test_tuak_in_the_shape_of_a_vector() -> None:
    given = TUAK[0].values[0]
    algorithm = Tuak(given["K"], given["TOPc"])
    out = algorithm.outputs(given["RAND"], given["SQN"], given["AMF"])
    assert [each.hex() for each in out] == [
        "f9a54e6aeaa8618d",
        "7abd06d3fff7f634",
        "144269a4bd882a02026ddbb13243404b",
        "52c2ecdcb90878d9eaa7ae82add046c0",
        "aad217459a65",
    ]
    assert autn(out, given["SQN"], given["AMF"]).hex() == "bbc306548b74fffff9a54e6aeaa8618d"
    made = auts(algorithm, given["RAND"], given["SQN"])
    assert made.hex() == "f6be7a2c1f29a31fbcf6547c4682"
    assert resynchronise(algorithm, given["RAND"] + made) == given["SQN"]


@pytest.mark.parametrize("at", range(30))
def test_an_auts_with_an_octet_changed_is_refused(at: int) -> None:
    info = bytearray(FIRST["RAND"] + FIRST["AUTS"])
    info[at] ^= 1
    with pytest.raises(AkaError, match="MAC-S"):
        resynchronise(Milenage(FIRST["K"], FIRST["OPc"]), bytes(info))


@pytest.mark.parametrize("size", [0, 29, 31])
def test_a_resynchronisation_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(AkaError, match="30 octets"):
        resynchronise(Milenage(FIRST["K"], FIRST["OPc"]), bytes(size))


def test_kasme_binds_the_serving_network() -> None:
    ck, ik, hidden = FIRST["f3"], FIRST["f4"], FIRST["AUTN"][:6]
    key = kasme(ck, ik, bytes.fromhex("00f110"), hidden)
    text = bytes.fromhex("10" + "00f110" + "0003") + hidden + bytes.fromhex("0006")
    assert key == hmac.new(ck + ik, text, hashlib.sha256).digest()
    assert kasme(ck, ik, bytes.fromhex("00f120"), hidden) != key


def _wrong() -> list[Any]:
    return [
        lambda: Milenage(bytes(15), bytes(16)),
        lambda: Milenage(bytes(16), bytes(17)),
        lambda: opc_of(bytes(16), bytes(15)),
        lambda: Tuak(bytes(24), bytes(32)),
        lambda: Tuak(bytes(16), bytes(16)),
        lambda: Tuak(bytes(16), bytes(32), iterations=0),
        lambda: topc_of(bytes(16), bytes(31)),
        lambda: Lengths(mac=4),
        lambda: Lengths(res=5),
        lambda: Lengths(ck=8),
        lambda: Seal(bytes(16)),
    ]


@pytest.mark.parametrize("make", _wrong())
def test_lengths_that_are_none_are_refused(make: Any) -> None:
    with pytest.raises(AkaError):
        make()


def test_what_is_sealed_opens_under_its_key_and_context_only() -> None:
    seal = Seal(bytes(range(32)))
    sealed = seal.seal(b"secret", "milenage 001010000000001")
    assert b"secret" not in sealed
    assert sealed != seal.seal(b"secret", "milenage 001010000000001")  # another nonce each time
    assert seal.open(sealed, "milenage 001010000000001") == b"secret"
    for other, octets, context in (
        (seal, sealed, "milenage 001010000000002"),
        (Seal(bytes(32)), sealed, "milenage 001010000000001"),
        (seal, sealed[:-1] + bytes((sealed[-1] ^ 1,)), "milenage 001010000000001"),
        (seal, b"\x02" + sealed[1:], "milenage 001010000000001"),
        (seal, b"", "milenage 001010000000001"),
        (seal, sealed[:8], "milenage 001010000000001"),
    ):
        with pytest.raises(AkaError):
            other.open(octets, context)


def test_both_algorithms_are_algorithms() -> None:
    for one in (Milenage(bytes(16), bytes(16)), Tuak(bytes(16), bytes(32))):
        algorithm: Algorithm = one
        assert len(algorithm.outputs(bytes(16), bytes(6), bytes(2)).res) == 8
