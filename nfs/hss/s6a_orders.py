"""S6a and S6d, what the HSS asks of MMEs and SGSNs: CLR, IDR, DSR and RSR (TS 29.272 5.2.1.2, 5.2.2, 5.2.4)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection

from diameter import Message, ResultCode
from diameter.app import Application
from diameter.errors import RequestError
from nfs.common.store import Store
from nfs.hss import registrations
from nfs.hss.mobility import Cancellation
from nfs.hss.profiles import configuration
from nfs.hss.registrations import Registration, Watch

MONITORING_WITHDRAWAL: Final = 1 << 21  # DSR-Flags
S6A_INDICATOR: Final = 1 << 0  # CLR-Flags
REATTACH: Final = 1 << 1


Data = Mapping[str, Any] | Callable[[Registration], Mapping[str, Any]]
"""Subscription-Data, the same for each node or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a node said: its result (vendor and code), or why there is none; `answer` for whoever wants more."""

    host: str
    result: tuple[int, int] | None
    why: str = ""
    answer: Message | None = None

    @property
    def good(self) -> bool:
        """Whether it did what it was asked."""
        return self.result == (0, ResultCode.SUCCESS)


class Insert(Protocol):
    """`Orders.insert`: an outcome for each node the device is registered in."""

    def __call__(self, imsi: str, data: Data, flags: int | None = None, /) -> Awaitable[list[Outcome]]: ...


class Orders:
    """Asks the nodes a subscriber is registered in, or all of them.  `application`: who sends."""

    def __init__(self, application: Application, store: Store) -> None:
        self._application = application
        self._store = store

    async def cancel(self, imsi: str, node: Registration, why: Cancellation, *, reattach: bool = False) -> Outcome:
        """Have a node let go of a subscriber (CLR); the registration is not touched."""
        flags = (S6A_INDICATOR if node.kind == "mme" else 0) | (REATTACH if reattach else 0)
        avps = {"User-Name": imsi, "Cancellation-Type": int(why), "CLR-Flags": flags}
        return await self._ask("Cancel-Location", avps, node.host, node.realm)

    async def withdraw(self, imsi: str, *, reattach: bool = False) -> list[Outcome]:
        """Have every node let go of a subscriber, and forget that it was there."""

        def work(connection: Connection) -> list[Registration]:
            found = _nodes(connection, imsi)
            for each in found:
                registrations.drop(connection, imsi, each.kind)
            return found

        why = Cancellation.SUBSCRIPTION_WITHDRAWAL
        return [await self.cancel(imsi, each, why, reattach=reattach) for each in await self._store.do(work)]

    async def insert(self, imsi: str, data: Data, flags: int | None = None) -> list[Outcome]:
        """Change data of a subscriber where it is registered, or ask for its state (IDR); `flags`: IDR-Flags."""
        more = {} if flags is None else {"IDR-Flags": flags}
        return await self._each(
            imsi,
            "Insert-Subscriber-Data",
            lambda node: {"User-Name": imsi, "Subscription-Data": dict(data(node) if callable(data) else data), **more},
        )

    async def delete(self, imsi: str, flags: int, data: Mapping[str, Any] | None = None) -> list[Outcome]:
        """Withdraw data of a subscriber where it is registered (DSR); `flags`: DSR-Flags, `data`: which of them."""
        avps = {"User-Name": imsi, "DSR-Flags": flags, **(data or {})}
        return await self._each(imsi, "Delete-Subscriber-Data", lambda _: avps)

    async def watch(self, imsi: str, event: Watch) -> list[Outcome]:
        """Keep a monitoring event, and have the node the subscriber is in watch for it; later ones learn it in ULA."""
        await self._store.do(lambda connection: registrations.watch(connection, imsi, event))
        return await self.insert(imsi, {"Monitoring-Event-Configuration": configuration(event)})

    async def unwatch(self, imsi: str, scef: str, reference: int | None = None) -> list[Outcome]:
        """Forget a monitoring event (IDR), or without a reference all that an SCEF has on the subscriber (DSR)."""
        await self._store.do(lambda connection: registrations.unwatch(connection, imsi, scef, reference))
        if reference is None:
            return await self.delete(imsi, MONITORING_WITHDRAWAL, {"SCEF-ID": scef})
        gone = {"SCEF-ID": scef, "Monitoring-Type": 0, "SCEF-Reference-ID-for-Deletion": reference}
        return await self.insert(imsi, {"Monitoring-Event-Configuration": gone})

    async def reset(self, users: Sequence[str] = ()) -> list[Outcome]:
        """Tell every node with subscribers that data may be lost (RSR); `users`: leading digits of their IMSIs."""
        hosts = await self._store.do(lambda connection: list(registrations.hosts(connection)))
        avps = {"User-Id": list(users)} if users else {}
        return [await self._ask("Reset", avps, host, realm) for host, realm in hosts]

    async def _each(self, imsi: str, command: str, avps: Callable[[Registration], Mapping[str, Any]]) -> list[Outcome]:
        found = await self._store.do(lambda connection: _nodes(connection, imsi))
        return [await self._ask(command, avps(each), each.host, each.realm) for each in found]

    async def _ask(self, command: str, avps: Mapping[str, Any], host: str, realm: str) -> Outcome:
        try:
            answer = await self._application.request(command, avps, to=host, realm=realm)
        except RequestError as error:
            return Outcome(host=host, result=None, why=str(error))
        return Outcome(host=host, result=answer.result, answer=answer)


def _nodes(connection: Connection, imsi: str) -> list[Registration]:
    return [each for each in registrations.of(connection, imsi).values() if not each.purged]
