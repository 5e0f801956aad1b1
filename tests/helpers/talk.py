"""A conversation between two peers as captured records, for tests that want one thing wrong in it."""

from __future__ import annotations

from typing import Any, Final

from diameter import Message, decode, encode
from diameter.capture import Captured, LinkEvent, Record
from diameter.capture.records import Endpoint
from diameter.wire import avp
from helpers.messages import dictionary

CLIENT: Final = ("10.0.0.1", 40_000)
SERVER: Final = ("10.0.0.2", 3868)
ONE: Final = "iwf.operator.example"
OTHER: Final = "hss.operator.example"
S6M: Final = 16777310
TSP: Final = 16777309
IMSI: Final = "001010123456789"
START_NS: Final = 1_760_000_000_000_000_000


def own(host: str) -> dict[str, Any]:
    """Origin-Host and Origin-Realm."""
    return {"Origin-Host": host, "Origin-Realm": host.partition(".")[2]}


class Talk:
    """Records of one capture; time moves 10 ms with each message."""

    def __init__(self, transport: str = "tcp", server: Endpoint = SERVER) -> None:
        self.transport = transport
        self.server = server
        self.records: list[Record] = []
        self.now_ns = START_NS
        self.messages = 0
        self._identifier = 0x100

    # ---- what happens ------------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Nothing for a while."""
        self.now_ns += round(seconds * 1e9)

    def event(self, name: str, link: tuple[Endpoint, Endpoint] | None = None) -> None:
        """An event of the link."""
        local, remote = link or (CLIENT, self.server)
        self.records.append(LinkEvent(self.now_ns, name, "", self.transport, local, remote))

    def put(self, octets: bytes | Message, *, back: bool = False, **fields: Any) -> None:
        """A message from the client, or `back` from the server; `fields` of the record."""
        self.now_ns += 10_000_000
        self.messages += 1
        ends = (self.server, CLIENT) if back else (CLIENT, self.server)
        octets = encode(octets) if isinstance(octets, Message) else octets
        record = Captured(self.now_ns, *ends, octets, self.transport, frame=self.messages)
        self.records.append(record._replace(**fields))

    def request(self, command: str, avps: dict[str, Any], application: int = 0, **header: int) -> Message:
        """A request with identifiers of its own."""
        self._identifier += 1
        hop = header.get("hop_by_hop", self._identifier)
        end = header.get("end_to_end", self._identifier << 8)
        return dictionary().request(command, avps, application=application, hop_by_hop=hop, end_to_end=end)

    # ---- what is in order --------------------------------------------------------------------------------------------

    def opened(self, applications: tuple[int, ...] = (S6M, TSP), code: int = 2001, **changes: Any) -> Talk:
        """The link comes up, CER and CEA; `changes` to both of them."""
        self.event("LINK_UP")
        body: dict[str, Any] = {
            "Host-IP-Address": "10.0.0.1",
            "Vendor-Id": 10415,
            "Product-Name": "test",
            "Vendor-Specific-Application-Id": [
                {"Vendor-Id": 10415, "Auth-Application-Id": one} for one in applications
            ],
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        cer = self.request("CER", {**own(ONE), **body})
        self.put(cer)
        self.put(cer.answer(code, {**own(OTHER), **body}), back=True)
        return self

    def lookup(self, **changes: Any) -> Message:
        """A Subscriber-Information-Request from the client; `changes` by AVP name with `_` for `-`."""
        avps: dict[str, Any] = {
            "Session-Id": f"{ONE};1;{self._identifier}",
            "Auth-Session-State": 1,
            **own(ONE),
            "Destination-Realm": "operator.example",
            "User-Identifier": {"User-Name": IMSI},
            "SIR-Flags": 0,
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        return self.request("SIR", {name: value for name, value in avps.items() if value is not None}, S6M)

    def asked(self, **changes: Any) -> Message:
        """A lookup that is sent."""
        request = self.lookup(**changes)
        self.put(request)
        return request

    def answered(self, code: int = 2001, **changes: Any) -> Message:
        """A lookup that is sent and answered; the answer."""
        request = self.asked()
        answer = request.answer(code, {**own(OTHER), **{k.replace("_", "-"): v for k, v in changes.items()}})
        self.put(answer, back=True)
        return answer

    def watchdog(self) -> None:
        """DWR and DWA."""
        dwr = self.request("DWR", own(ONE))
        self.put(dwr)
        self.put(dwr.answer(2001, own(OTHER)), back=True)


def patched(message: Message | bytes, at: int, octets: bytes) -> bytes:
    """The message with some octets replaced."""
    whole = encode(message) if isinstance(message, Message) else message
    return whole[:at] + octets + whole[at + len(octets) :]


def offset_of(message: Message | bytes, name: str) -> int:
    """Where the header of the first top-level AVP of this name stands."""
    whole = encode(message) if isinstance(message, Message) else message
    return next(one.offset for one in decode(whole, dictionary()).avps if one.name == name)


def without(message: Message, *names: str) -> bytes:
    """The message without these top-level AVPs, whatever its grammar says."""
    octets = encode(message)
    kept = b"".join(one.octets for one in decode(octets, dictionary()).avps if one.name not in names)
    return octets[:1] + (20 + len(kept)).to_bytes(3) + octets[4:20] + kept


def raw_avp(code: int, data: bytes, *, flags: int = 0x40, vendor: int = 0) -> bytes:
    """One AVP, padded."""
    return avp.build(code, vendor, flags | (0x80 if vendor else 0), data)
