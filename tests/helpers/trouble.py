"""A capture in which much goes wrong: link events, repetitions, a relay, long names, and findings of each severity."""

from __future__ import annotations

from typing import Any, Final

from diameter import Message, encode
from diameter.capture import Captured, LinkEvent, Record
from diameter.capture.records import Endpoint
from helpers.messages import dictionary
from helpers.talk import S6M, START_NS, own, patched, without

REALM: Final = "epc.mnc001.mcc001.3gppnetwork.org"
IWF: Final = f"mtc-interworking-function-01.{REALM}"
DRA: Final = f"dra.{REALM}"
HSS: Final = f"hss-frontend.{REALM}"
OUTER: Final[Endpoint] = ("192.0.2.1", 40_000)
MIDDLE: Final[Endpoint] = ("192.0.2.2", 3868)
RIGHT: Final[Endpoint] = ("192.0.2.2", 41_000)
INNER: Final[Endpoint] = ("2001:db8:0:1::30", 3868)
NOBODY: Final[Endpoint] = ("192.0.2.99", 3868)


class Trouble:
    """Records, each at its time in milliseconds from the beginning."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._number = 0x2C40_0000

    def put(
        self, at_ms: float, source: Endpoint, destination: Endpoint, message: Message | bytes, **fields: Any
    ) -> None:
        octets = encode(message) if isinstance(message, Message) else message
        transport = "sctp" if INNER in (source, destination) else "tcp"
        record = Captured(_at(at_ms), source, destination, octets, transport, frame=len(self.records) + 1)
        self.records.append(record._replace(**fields))

    def event(self, at_ms: float, name: str, source: Endpoint, destination: Endpoint, text: str = "") -> None:
        transport = "sctp" if name.startswith("SCTP") else "tls" if name.startswith("TLS") else "tcp"
        one = LinkEvent(_at(at_ms), name, text, transport, source, destination, frame=len(self.records) + 1)
        self.records.append(one)

    def request(self, command: str, avps: dict[str, Any], application: int = 0) -> Message:
        self._number += 1
        hop, end = self._number & 0xFFFF, self._number
        return dictionary().request(command, avps, application=application, hop_by_hop=hop, end_to_end=end)

    def capabilities(self, at_ms: float, ends: tuple[Endpoint, Endpoint], hosts: tuple[str, str]) -> None:
        body = {
            "Host-IP-Address": "192.0.2.1",
            "Vendor-Id": 10415,
            "Product-Name": "test",
            "Vendor-Specific-Application-Id": {"Vendor-Id": 10415, "Auth-Application-Id": S6M},
        }
        cer = self.request("CER", {**own(hosts[0]), **body})
        self.put(at_ms, *ends, cer)
        self.put(at_ms + 3, ends[1], ends[0], cer.answer(2001, {**own(hosts[1]), **body}))

    def lookup(self, number: int, **changes: Any) -> Message:
        avps: dict[str, Any] = {
            "Session-Id": f"{IWF};1760000000;{number}",
            "Auth-Session-State": 1,
            **own(IWF),
            "Destination-Realm": REALM,
            "User-Identifier": {"External-Identifier": f"meter-{number:04}@customer.example"},
            "SIR-Flags": 1,
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        return self.request("SIR", avps, S6M)

    def passed(self, at_ms: float, request: Message, code: int = 2001, **answer: Any) -> None:
        """A request that goes through the relay, and its answer."""
        onward = request.edit(add={"Route-Record": IWF}, hop_by_hop=request.hop_by_hop + 0x5000)
        self.put(at_ms, OUTER, MIDDLE, request)
        self.put(at_ms + 0.4, RIGHT, INNER, onward, ppid=46)
        identity = {"User-Identifier": {"User-Name": "001010000000042"}} if code == 2001 else {}
        reply = onward.answer(code, {**own(HSS), **identity, **answer}, vendor=0 if code < 5000 else 10415)
        self.put(at_ms + 8, INNER, RIGHT, reply, ppid=46)
        self.put(at_ms + 8.5, MIDDLE, OUTER, reply.with_identifiers(request.hop_by_hop, request.end_to_end))


def trouble() -> list[Record]:
    """The capture."""
    one = Trouble()
    one.event(0, "TCP_SYN", OUTER, NOBODY)
    one.event(1, "TCP_RST", NOBODY, OUTER, "connection refused")
    one.event(20, "TCP_SYN", OUTER, MIDDLE)
    one.capabilities(22, (OUTER, MIDDLE), (IWF, DRA))
    one.event(30, "SCTP_INIT", RIGHT, INNER)
    one.event(31, "SCTP_INIT_ACK", INNER, RIGHT)
    one.capabilities(33, (RIGHT, INNER), (DRA, HSS))
    one.passed(100, one.lookup(1))
    one.passed(130, one.lookup(2), 5001)
    again = one.lookup(3)
    one.put(160, OUTER, MIDDLE, again)
    one.event(360, "TCP_RETRANSMISSION", OUTER, MIDDLE, "412 octets again")
    one.put(460, OUTER, MIDDLE, patched(again, 4, b"\xd0"))
    one.put(470, MIDDLE, OUTER, again.answer(3004, own(DRA)))
    damaged = one.lookup(4)
    one.put(500, OUTER, MIDDLE, without(damaged, "Origin-Realm", "SIR-Flags"))
    one.put(503, MIDDLE, OUTER, patched(damaged.answer(5005, own(DRA)), 16, b"\0\0\0\7"))
    one.put(540, OUTER, MIDDLE, one.lookup(5, Route_Record=[DRA]))
    one.put(560, INNER, RIGHT, one.request("DWR", own(HSS)), ppid=0)
    lost = one.lookup(6)
    one.put(600, OUTER, MIDDLE, lost)
    one.put(700, OUTER, MIDDLE, lost)
    one.event(8000, "TLS_ALERT", MIDDLE, OUTER, "fatal: bad certificate")
    one.event(8100, "TCP_RST", MIDDLE, OUTER, "reset")
    one.put(9000, RIGHT, INNER, one.request("DWR", own(DRA)), ppid=46)
    return one.records


def _at(ms: float) -> int:
    return START_NS + round(ms * 1_000_000)
