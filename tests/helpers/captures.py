"""Made-up traffic of device triggers between five nodes, as captured messages: each outcome that a ladder can show."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Final

from diameter import Dictionary, Message, encode
from diameter.capture import Captured

START_NS: Final = 1_760_000_000_000_000_000
REALM: Final = "operator.example"
SCS: Final = "scs.meters.example"
IWF: Final = f"mtc-iwf.{REALM}"
HSS: Final = f"hss.{REALM}"
SMS_SC: Final = f"sms-sc.{REALM}"
MME: Final = f"mme1.{REALM}"
PORTS: Final = {SCS: 41001, IWF: 5868, HSS: 5869, SMS_SC: 3868, MME: 3869}
TRANSPORTS: Final = {SCS: "tls", HSS: "tls", MME: "sctp"}
TPDU: Final = bytes.fromhex("440b919471103254f64804520101214365801406050442600000") + b'{"wake":true}'
"""An SMS-DELIVER with a port in its user data header (TS 23.040)."""


def link(transport: str, local: tuple[str, int], remote: tuple[str, int], *peer_names: str) -> Any:
    """What a CaptureWriter needs of a link."""
    return SimpleNamespace(transport=transport, local=local, remote=remote, peer_names=peer_names)


class Traffic:
    """Messages of `triggers` device triggers, one every `every_ns`; a few of them fail in different ways."""

    def __init__(self, dictionary: Dictionary, every_ns: int = 8_000_000) -> None:
        self.dictionary = dictionary
        self.every_ns = every_ns
        self.messages: list[Captured] = []
        self._now = START_NS
        self._identifier = 0x1000

    def run(self, triggers: int) -> list[Captured]:
        """Capabilities, then the triggers, then a watchdog after a pause."""
        for one, other in ((SCS, IWF), (IWF, HSS), (IWF, SMS_SC), (SMS_SC, MME)):
            self._capabilities(one, other)
        for number in range(1, triggers + 1):
            self._now = START_NS + 100_000_000 + number * self.every_ns
            self._trigger(number)
        self._now += 2_500_000_000
        request = self._ask(SCS, IWF, "DWR", {"Origin-Host": SCS, "Origin-Realm": "meters.example"}, 0)
        self._answer(SCS, IWF, request, 2001)
        self.messages.sort(key=lambda one: one.time_ns)
        return self.messages

    # ---- one exchange ------------------------------------------------------------------------------------------------

    def _note(self, sender: str, receiver: str, octets: bytes) -> None:
        transport = next((TRANSPORTS[one] for one in (sender, receiver) if one in TRANSPORTS), "tcp")
        self._now += 350_000 + len(octets) * 700
        self.messages.append(
            Captured(self._now, self._end(sender, receiver), self._end(receiver, sender), octets, transport, True)
        )

    @staticmethod
    def _end(one: str, other: str) -> tuple[str, int]:
        client = 30_000 + len(one) * 40 + len(other)
        order = (SCS, IWF, HSS, SMS_SC, MME)
        return "127.0.0.1", PORTS[one] if order.index(one) > order.index(other) else client

    def _ask(self, sender: str, receiver: str, command: str, avps: dict[str, Any], application: int) -> Message:
        self._identifier += 1
        request = self.dictionary.request(
            command, avps, application=application, hop_by_hop=self._identifier, end_to_end=self._identifier << 8
        )
        self._note(sender, receiver, encode(request))
        return request

    def _answer(
        self,
        asked: str,
        answering: str,
        request: Message,
        code: int,
        avps: dict[str, Any] | None = None,
        vendor: int = 0,
    ) -> None:
        given = {"Origin-Host": answering, "Origin-Realm": answering.partition(".")[2], **(avps or {})}
        self._note(answering, asked, request.answer(code, given, vendor=vendor).octets)

    def _capabilities(self, one: str, other: str) -> None:
        body = {
            "Host-IP-Address": "127.0.0.1",
            "Vendor-Id": 10415,
            "Product-Name": "mtc-diameter",
            "Supported-Vendor-Id": 10415,
            "Auth-Application-Id": 0xFFFFFFFF,
        }
        own = {"Origin-Host": one, "Origin-Realm": one.partition(".")[2]}
        self._answer(one, other, self._ask(one, other, "CER", {**own, **body}, 0), 2001, body)

    def _session(self, sender: str, receiver: str, application: int) -> dict[str, Any]:
        self._identifier += 1
        avps: dict[str, Any] = {"Session-Id": f"{sender};{START_NS // 10**9};{self._identifier}"}
        if application == 16777309:
            avps["Auth-Application-Id"] = application
        avps |= {"Auth-Session-State": 1, "Origin-Host": sender, "Origin-Realm": sender.partition(".")[2]}
        return avps | {"Destination-Host": receiver, "Destination-Realm": receiver.partition(".")[2]}

    # ---- one trigger -------------------------------------------------------------------------------------------------

    def _trigger(self, number: int) -> None:
        device, imsi = f"meter-{number:04}@meters.example", f"00101{number:010}"
        action = {
            "External-Identifier": device,
            "SCS-Identity": b"\x94\x71\x10\x32\x54\xf6",
            "Reference-Number": number,
            "Action-Type": "DEVICE_TRIGGER_REQUEST",
            "Trigger-Data": {
                "Payload": b'{"wake":true}',
                "Priority-Indication": 0,
                "Application-Port-Identifier": 16992,
            },
            "Validity-Time": 3600,
        }
        asked = self._ask(SCS, IWF, "DAR", {**self._session(SCS, IWF, 16777309), "Device-Action": action}, 16777309)
        note: dict[str, Any] = {"Reference-Number": number, "Action-Type": "DEVICE_TRIGGER_REQUEST"}
        if not self._look_up(number, device, imsi):
            note["Request-Status"] = "INVEXTID"
        else:
            note["Request-Status"] = "TEMPORARYERROR" if number % 97 == 50 else "SUCCESS"
            self._submit(number, device, imsi)
        self._answer(SCS, IWF, asked, 2001, {"Device-Notification": {"External-Identifier": device, **note}})
        if note["Request-Status"] == "SUCCESS":
            self._deliver(number, device, imsi)

    def _look_up(self, number: int, device: str, imsi: str) -> bool:
        identifier = {"User-Identifier": {"External-Identifier": device}, "SIR-Flags": 1}
        request = self._ask(IWF, HSS, "SIR", {**self._session(IWF, HSS, 16777310), **identifier}, 16777310)
        if number % 41 == 7:
            self._answer(IWF, HSS, request, 5001, vendor=10415)
            return False
        user = {"User-Identifier": {"User-Name": imsi, "MSISDN": bytes.fromhex(f"9471{number:06}")}}
        self._answer(IWF, HSS, request, 2001, user)
        return True

    def _submit(self, number: int, device: str, imsi: str) -> None:
        request = self._ask(
            IWF,
            SMS_SC,
            "DTR",
            {
                **self._session(IWF, SMS_SC, 16777311),
                "User-Identifier": {"User-Name": imsi, "External-Identifier": device},
                "SM-RP-SMEA": b"\x0b\x91\x94\x71\x10\x32\x54\xf6",
                "Payload": b'{"wake":true}',
                "Reference-Number": number,
            },
            16777311,
        )
        if number % 97 == 50:
            return
        if number % 89 == 3:
            octets = bytearray(request.answer(2001, {"Origin-Host": SMS_SC, "Origin-Realm": REALM}).octets)
            octets[octets.index(b"\0\0\1\x0c") + 7] = 11
            self._note(SMS_SC, IWF, bytes(octets))
        else:
            self._answer(IWF, SMS_SC, request, 2001)

    def _deliver(self, number: int, device: str, imsi: str) -> None:
        self._now += 2_000_000
        body = {"User-Name": imsi, "SC-Address": b"\x94\x71\x99\x99", "SM-RP-UI": TPDU}
        request = self._ask(SMS_SC, MME, "TFR", {**self._session(SMS_SC, MME, 16777313), **body}, 16777313)
        self._now += 14_000_000
        absent = number % 53 == 11
        self._answer(SMS_SC, MME, request, 5550 if absent else 2001, vendor=10415 if absent else 0)
        report = {
            "User-Identifier": {"User-Name": imsi, "External-Identifier": device},
            "SM-RP-SMEA": b"\x0b\x91\x94\x71\x10\x32\x54\xf6",
            "SM-Delivery-Outcome-T4": "ABSENT_SUBSCRIBER" if absent else "SUCCESSFUL_TRANSFER",
            "Reference-Number": number,
        }
        request = self._ask(SMS_SC, IWF, "DRR", {**self._session(SMS_SC, IWF, 16777311), **report}, 16777311)
        notice = {
            "External-Identifier": device,
            "Reference-Number": number,
            "Action-Type": "DELIVERY_REPORT",
            "Delivery-Outcome": "UNDELIVERABLE" if absent else "SUCCESS",
        }
        session = self._session(IWF, SCS, 16777309)
        told = self._ask(IWF, SCS, "DNR", {**session, "Device-Notification": notice}, 16777309)
        self._answer(IWF, SCS, told, 3004 if number % 71 == 13 else 2001)
        self._answer(SMS_SC, IWF, request, 2001)


def both_ends(messages: list[Captured]) -> Iterator[tuple[Captured, Captured]]:
    """Each message as its sender and as its receiver writes it down, the receiver 40 us later."""
    for one in messages:
        yield one, one._replace(outgoing=False, time_ns=one.time_ns + 40_000)
