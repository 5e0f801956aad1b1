"""Our client, asking an HSS about subscribers at random, as `programs.client` does about one: AIR, or SIR.

Arguments: those of `programs.client`, and `ask` ("air", "sir") and `subscribers` (how many there are).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from random import Random
from typing import Any, Final

from twisted.internet import task
from twisted.logger import globalLogBeginner, textFileLogObserver

from nfs.cli._bench.programs.client import Load, main
from nfs.common.identities import encode_number

SCS: Final = "15550000100"
_SCS_OCTETS: Final = encode_number(SCS)


def imsi_of(number: int) -> str:
    """The IMSI of a subscriber by its number."""
    return f"00101{number:010}"


def external_id_of(number: int) -> str:
    """Its External Identifier."""
    return f"meter-{number}@customer.example"


class Air(Load):
    """One vector of E-UTRAN for a subscriber."""

    command = "Authentication-Information-Request"

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(told["seconds"], told["warm_s"])
        self._random = Random(1).randrange
        self._many: int = told["subscribers"]

    def avps(self) -> Mapping[str, Any]:
        """Of the next request."""
        return {
            "User-Name": imsi_of(self._random(self._many)),
            "Requested-EUTRAN-Authentication-Info": {"Number-Of-Requested-Vectors": 1},
            "Visited-PLMN-Id": b"\x00\xf1\x10",
        }


class Sir(Air):
    """Whether an SCS may trigger a device, and where it is."""

    dictionary = "ts29336_s6m"
    command = "Subscriber-Information-Request"

    def avps(self) -> Mapping[str, Any]:
        """Of the next request."""
        return {
            "User-Identifier": {"External-Identifier": external_id_of(self._random(self._many))},
            "Service-ID": 0,
            "SCS-Identity": _SCS_OCTETS,
            "Service-Parameters": {"T4-Parameters": {"Priority-Indication": 0}},
            "SIR-Flags": 1,
        }


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    asked = json.loads(sys.argv[1])
    task.react(main, (asked, {"air": Air, "sir": Sir}[asked["ask"]](asked)))
