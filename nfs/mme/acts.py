"""What a scenario has the MME do, on S6a, S6c and SGd (TS 29.272 5.2, TS 29.338 5.2.2 and 6.2.3)."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Final

from diameter.app import Application
from diameter.errors import RequestError
from nfs.mme.logic import Waiter
from nfs.mme.membership import Desk
from nfs.mme.mo_sms import Order, Sender
from nfs.mme.s6a import S6a
from nfs.mme.scenario.engine import Notice
from nfs.mme.scenario.model import EventTable

UE_PRESENT, UE_MEMORY_AVAILABLE = 0, 1  # Alert-Reason
REACHABLE, READY, FROM_MME = 1 << 3, 1 << 6, 1 << 8  # NOR-Flags
AVAILABLE: Final = 1 << 0  # SMS-GMSC-Alert-Event
SUCCESS: Final = (0, 2001)


class Alerts(Application):
    """S6c, the MME's side: it alerts an SMS-GMSC (TS 29.338 6.2.3)."""

    dictionary = "ts29338_s6c"

    async def alert(self, imsi: str, waiter: Waiter) -> bool:
        """The UE is available; whether the SMS-GMSC has taken it."""
        avps = {
            "SC-Address": waiter.number,
            "User-Identifier": {"User-Name": imsi},
            "SMS-GMSC-Alert-Event": AVAILABLE,
        }
        try:
            answer = await self.request("Alert-Service-Centre", avps, to=waiter.host, realm=waiter.realm)
        except RequestError:
            return False
        return answer.result == SUCCESS


class Doing:
    """The acts of one MME.  `sender`: for short messages of UEs, where there is an SMS-SC; `desk`: gives credentials
    of groups.
    """

    def __init__(self, s6a: S6a, alerts: Alerts, sender: Sender | None, desk: Desk | None = None) -> None:
        self._s6a = s6a
        self._alerts = alerts
        self._sender = sender
        self._desk = desk

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        """Run it."""
        return self._s6a.spawn(coroutine)

    def attached(self, imsi: str) -> bool:
        """Whether the UE is registered here."""
        return imsi in self._s6a.ues.contexts

    async def attach(self, imsi: str, *, initial: bool) -> bool:
        """AIR and ULR."""
        return (await self._s6a.attach(imsi, initial=initial)).good

    async def update(self, imsi: str) -> bool:
        """ULR where the HSS has lost what it knew; otherwise a new name for the UE, and nothing for the HSS."""
        context = self._s6a.ues.contexts.get(imsi)
        if context is None or not context.stale:
            return self._s6a.radio.update(imsi)
        return (await self._s6a.attach(imsi, initial=False)).good

    async def detach(self, imsi: str) -> bool:
        """PUR."""
        return (await self._s6a.detach(imsi)).good

    async def notify(self, notice: Notice) -> bool:
        """NOR."""
        avps: dict[str, Any] = {"NOR-Flags": FROM_MME | REACHABLE | (READY if notice.sms else 0)}
        if notice.sms:
            avps["Alert-Reason"] = UE_MEMORY_AVAILABLE if notice.memory else UE_PRESENT
        if notice.until is not None:
            avps["Maximum-UE-Availability-Time"] = datetime.fromtimestamp(int(notice.until), UTC)
        return await self._s6a.notify(notice.imsi, avps)

    async def alert(self, imsi: str, waiter: Waiter) -> bool:
        """ALR."""
        return await self._alerts.alert(imsi, waiter)

    async def send(self, imsi: str, event: EventTable) -> bool:
        """OFR, part after part."""
        if self._sender is None or event.to is None:
            return False
        order = Order(imsi=imsi, to=event.to, payload=event.payload.encode(), port=event.port, report=event.report)
        return await self._sender.send(order)

    async def join(self, imsi: str, event: EventTable) -> bool:
        """The credentials of a group, if the UE is a member."""
        claim = None if event.group is None else self._s6a.radio.claim(imsi, event.group)
        if self._desk is None or claim is None:
            return False
        good = self._desk.join(imsi, claim)
        self._s6a.radio.grant(imsi, self._desk.key(imsi, claim) if good else None)
        return good
