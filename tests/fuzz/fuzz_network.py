"""A device trigger through SCS, gateway, MTC-IWF, HSS and SMS-SC in memory, with one message edited on its way: every
node answers or refuses, none meets a bug, and no IMSI of the subscriber leaves the core.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any, cast

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from twisted.logger import LogLevel, globalLogPublisher

    from diameter import Dictionary, decode
    from diameter.errors import DiameterError
    from diameter.message.members import Avp, Grouped
    from diameter.wire import avp, header
    from diameter.wire.framing import Framer
    from helpers.network import Network
    from nfs.common.identities import encode_number, encode_tbcd
    from nfs.common.nodes import NodeKind, ServingNode
    from nfs.hss.logic import ExternalId, Service, Subscriber

IMSI = "001010000000001"
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


class Ends:
    """Stands before the owner of each link and edits message number `edit` of those that arrive."""

    def __init__(self) -> None:
        self.edit = -1
        self.edits = Choices(b"")
        self.count = 0
        self.changed = False

    def stand_before(self, link: Any) -> None:
        """See every octet that arrives there."""
        link._owner = _End(self, link._owner)

    def pass_on(self, data: bytes) -> bytes:
        """The octets, edited where it is their turn."""
        framer = Framer()
        out = []
        for octets in framer.feed(data):
            if self.count == self.edit:
                self.changed = True
                octets = edited(octets, self.edits)
            self.count += 1
            out.append(octets)
        return b"".join(out) + framer.rest


class _End:
    """An owner of a link behind `Ends`."""

    def __init__(self, ends: Ends, owner: Any) -> None:
        self._ends = ends
        self._owner = owner

    def link_received(self, link: Any, data: bytes) -> None:
        self._owner.link_received(link, self._ends.pass_on(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)


class Lab:
    """The network, made anew when a link has gone."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="mtc-fuzz-")
        self.ends = Ends()
        self.bugs: list[str] = []
        self.reference = 0
        self.network = self._open()
        self._observer = cast(Any, self._log)
        globalLogPublisher.addObserver(self._observer)

    def close(self) -> None:
        """Leave nothing behind."""
        globalLogPublisher.removeObserver(self._observer)
        self.network.close()
        self.folder.cleanup()

    def _log(self, event: Any) -> None:
        if event.get("log_level") is LogLevel.critical:
            self.bugs.append(repr(event))

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
        self.ends.changed = False
        self.bugs.clear()
        self.network.wire.passed.clear()
        self.network.sms_sc.triggers.clear()
        return self.network


@cache
def lab() -> Lab:
    return Lab()


def close() -> None:
    """End what `oracle` keeps from one input to the next."""
    lab().close()
    lab.cache_clear()


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
    assert not one.bugs, one.bugs
    if one.ends.edit:  # the first comes from outside and may hold what it likes
        outside = network.seen_outside
        assert IMSI.encode() not in outside
        assert encode_tbcd(IMSI) not in outside


def edited(octets: bytes, choices: Choices) -> bytes:
    """A message after up to eight edits; lengths are put right, so that the edits reach what reads values."""
    for _ in range(8):
        if not choices.left:
            break
        message = decode(octets, dictionary())
        operation, place = choices.below(8), choices.octet()
        if operation == 0:
            octets = octets[:4] + bytes([octets[4] ^ (0x80 >> place % 8)]) + octets[5:]
            continue
        count = sum(1 for _ in _flat(message.avps))
        if not count:
            break
        target = [one.offset for one in _flat(message.avps)][place % count]
        body = b"".join(_written(one, target, operation, choices) for one in message.avps)
        octets = header.build(
            message.flags, message.command_code, message.application_id, message.hop_by_hop, message.end_to_end, body
        )
    return octets


def _flat(avps: tuple[Avp, ...]) -> list[Avp]:
    return [each for one in avps for each in (one, *_flat(one.members))]


def _written(one: Avp, target: int, operation: int, choices: Choices) -> bytes:
    """An AVP anew, edited when it is the one at `target`."""
    value = one.value
    data = one.data
    if isinstance(value, Grouped):
        data = b"".join(_written(member, target, operation, choices) for member in value.avps)
    flags, copies = one.flags, 1
    if one.offset == target:
        if operation == 1:
            copies = 0
        elif operation == 2:
            copies = 2 + choices.below(3)
        elif operation == 3:
            flags ^= 0x60 & choices.octet()
        elif operation == 4:
            data = data[: choices.octet()]
        elif operation == 5:
            data = bytes(choices.octet() for _ in range(4))
        elif operation == 6:
            data = bytes(choices.octet() for _ in range(choices.below(24)))
        else:
            at = choices.below(len(data) or 1)
            data = data[:at] + bytes([choices.octet()]) + data[at + 1 :]
    return avp.build(one.code, one.vendor, flags, data) * copies


if __name__ == "__main__":
    drive(oracle, "-max_len=64")
