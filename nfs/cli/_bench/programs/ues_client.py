"""Our client as an SMS-SC: device triggers for UEs at random, each one another, straight to their MME.

Arguments: those of `programs.client`, and `ues` (how many there are).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

from twisted.internet import task
from twisted.logger import globalLogBeginner, textFileLogObserver

from nfs.cli._bench.messages import SERVER
from nfs.cli._bench.programs.client import Load, main
from nfs.cli._bench.programs.hss_client import imsi_of
from nfs.common.identities import encode_number
from nfs.common.sms import Deliver, split
from nfs.common.sms_layout import SmsAddress

NUMBER_OCTETS = 4


class Triggers(Load):
    """One SMS-DELIVER of a trigger."""

    dictionary = "ts29338_sgd"
    command = "MT-Forward-Short-Message-Request"

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(told["seconds"], told["warm_s"])
        self._random = Random(1).randrange
        self._many: int = told["ues"]
        self._number = 0
        self._centre = encode_number("15550000200")
        self._tpdu = Deliver(
            originator=SmsAddress(digits="15550000100"),
            scts=datetime(2026, 1, 2, tzinfo=UTC),
            user_data=split(b"wake up " + bytes(NUMBER_OCTETS), port=8000, reference=1)[0],
        ).encode()

    def avps(self) -> Mapping[str, Any]:
        """Of the next request."""
        self._number += 1
        return {
            "Destination-Host": SERVER,
            "User-Name": imsi_of(self._random(self._many)),
            "SC-Address": self._centre,
            "SM-RP-UI": self._tpdu[:-NUMBER_OCTETS] + self._number.to_bytes(NUMBER_OCTETS),
        }


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    asked = json.loads(sys.argv[1])
    task.react(main, (asked, Triggers(asked)))
