"""S6a for tests of other stacks: the location update, server and client side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from diameter import Message
from diameter.app import Application, answers

S6A: Final = 16777251
UPDATE: Final[Mapping[str, Any]] = {
    "User-Name": "001010123456789", "RAT-Type": 1004, "ULR-Flags": 34, "Visited-PLMN-Id": b"\x00\xf1\x10",
    "Supported-Features": {"Vendor-Id": 10415, "Feature-List-ID": 1, "Feature-List": 0x1C000607},
    "Terminal-Information": {"IMEI": "35299708123456", "Software-Version": "78"},
}  # fmt: skip


class Mme(Application):
    """Asks."""

    dictionary = "ts29272_s6a"


class Hss(Application):
    """Answers every Update-Location-Request, with a group in a group."""

    dictionary = "ts29272_s6a"

    def __init__(self) -> None:
        self.seen: list[Message] = []

    @answers("Update-Location-Request")
    def update_location(self, request: Message) -> Message:
        self.seen.append(request)
        bandwidth = {"Max-Requested-Bandwidth-UL": 50_000_000, "Max-Requested-Bandwidth-DL": 150_000_000}
        subscription = {"Subscriber-Status": 0, "MSISDN": bytes.fromhex("9194714500f0"), "AMBR": bandwidth}
        avps = {"Auth-Session-State": 1, "ULA-Flags": 1, "Subscription-Data": subscription}
        return request.answer(2001, avps)
