"""A device trigger through SCS, gateway, MTC-IWF, HSS and SMS-SC in memory, with one message edited on its way: every
node answers or refuses, none meets a bug, and no IMSI of the subscriber leaves the core.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from helpers.fuzz import Choices, Kept, drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary
    from diameter.errors import DiameterError
    from helpers.edits import Bugs, Ends
    from helpers.network import Network
    from nfs.common.identities import encode_number, encode_tbcd
    from nfs.common.nodes import NodeKind, ServingNode
    from nfs.hss.logic import ExternalId, Service, Subscriber

IMSI = "001010123456789"
METER = Subscriber(
    imsi=IMSI,
    msisdn="15550100001",
    external_ids=(ExternalId(identifier="meter-1@customer.example"),),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
    nodes=(ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.core.example", realm="core.example"),),
)
ACTION = {
    "External-Identifier": "meter-1@customer.example",
    "SCS-Identity": encode_number("15550001"),
    "Action-Type": 1,
    "Trigger-Data": {"Payload": b"\x00wake\xff", "Priority-Indication": 1, "Application-Port-Identifier": 8000},
    "Validity-Time": 3600,
}


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


class Lab:
    """The network, made anew when a link has gone."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="mtc-fuzz-")
        self.ends = Ends(dictionary())
        self.bugs = Bugs()
        self.reference = 0
        self.network = self._open()

    def close(self) -> None:
        """Leave nothing behind."""
        self.bugs.close()
        self.network.close()
        self.folder.cleanup()

    def _open(self) -> Network:
        made = Network(Path(self.folder.name), dictionary(), (METER,)).open()
        for one in made.wire.links:
            self.ends.stand_before(one)
        self.links = list(made.wire.links)
        return made

    def fresh(self) -> Network:
        """A network with every link up and nothing remembered that matters."""
        if self.network.wire.links != self.links:
            self.network.close()
            self.folder.cleanup()
            self.folder = tempfile.TemporaryDirectory(prefix="mtc-fuzz-")
            self.network = self._open()
        self.reference += 1
        self.ends.count = 0
        self.bugs.met.clear()
        self.network.wire.passed.clear()
        self.network.sms_sc.triggers.clear()
        return self.network


lab = Kept(Lab)
close = lab.close


def oracle(data: bytes) -> None:
    """Octet 0: which message of the scenario is edited; the rest: how."""
    choices = Choices(data)
    one = lab()
    network = one.fresh()
    one.ends.edit = choices.below(12)  # ten messages pass; two choices leave all as they are
    one.ends.edits = choices
    reference = one.reference
    try:
        network.trigger({**ACTION, "Reference-Number": reference})
        for trigger in network.sms_sc.triggers:
            network.wait(network.sms_sc.report(trigger, 2))
    except (DiameterError, KeyError):  # an answer may be lost, refuse, or lack what a stub looks for
        pass
    network.clock.advance(1)
    assert not one.bugs.met, one.bugs.met
    if one.ends.edit:  # the first comes from outside and may hold what it likes
        outside = network.seen_outside
        assert IMSI.encode() not in outside
        assert encode_tbcd(IMSI) not in outside


if __name__ == "__main__":
    drive(oracle, "-max_len=64")
