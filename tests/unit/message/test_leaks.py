"""Nothing is kept of a message that has gone: memory blocks and references are as many after a thousand as before."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest
from unit.message.test_cores import SEEDS, SOUND

from diameter import LocalError, decode, encode
from helpers.cores import built, dictionary

ROUNDS: Final = 300
WIRE: Final = dictionary().request("Update-Location", SOUND, application="S6a").octets
BROKEN: Final = WIRE.replace(b"a.example", b"a exam\xffle")
PATH: Final = ("Vendor-Specific-Application-Id", "Auth-Application-Id")


def _read() -> None:
    message = decode(WIRE, dictionary())
    assert not message.faults
    assert message[PATH[0]][PATH[1]] == 16777251
    assert [one.value for one in message.avps]
    assert message.get("Route-Record") is None
    assert "User-Name" in message


def _fail() -> None:
    message = decode(BROKEN, dictionary())
    assert message.faults
    for name in ("Route-Record", "No-Such-AVP"):
        with pytest.raises(KeyError):
            message[name]
    encode(message.refusal(message.faults[0]))


def _build() -> None:
    request = dictionary().request("Update-Location", SOUND, application="S6a")
    encode(request)
    encode(request.answer(5012, {"Origin-Host": "a.example", "Origin-Realm": "example"}))


def _refuse() -> None:
    wrongs: dict[str, Any] = {"User-Name": 3, "No-Such-AVP": 1, "Proxy-Info": {}, "ULR-Flags": 1 << 40}
    for name, value in wrongs.items():
        assert built({**SOUND, name: value})[0] in ("EncodeError", "UnknownName")
    with pytest.raises(LocalError):
        encode(dictionary().request("Update-Location", {}, application="S6a"))


def _seeds() -> None:
    for octets in SEEDS:
        message = decode(octets, dictionary())
        assert message.faults or message.framed
        assert encode(message) == octets


@pytest.mark.parametrize("work", [_read, _fail, _build, _refuse, _seeds])
def test_nothing_is_kept(work: Callable[[], None]) -> None:
    shared: list[Any] = [dictionary(), dictionary().tables(16777251), WIRE, BROKEN, SOUND, *PATH, *SEEDS]
    rounds = ROUNDS if work is not _seeds else 20
    for _ in range(20):
        work()
    gc.collect()
    blocks, counts = sys.getallocatedblocks(), [sys.getrefcount(one) for one in shared]
    for _ in range(rounds):
        work()
    gc.collect()
    assert [sys.getrefcount(one) for one in shared] == counts
    assert sys.getallocatedblocks() - blocks < max(rounds // 4, 15)
