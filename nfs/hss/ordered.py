"""What an operator orders with `mtc subscriber update`, `withdraw`, `locate`, `detach` and `reset`: kept in the
database, carried out on S6a by whichever HSS looks first, and its outcome kept for whoever waits.

A subscriber that is removed leaves an order too, for which nobody waits: nodes where it was let go of it.  That one is
tried again until each of them has answered, or its time is over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, Text, delete, insert, select, update

from diameter import Message, ResultCode
from nfs.common.identities import IdentityError, decode_plmn
from nfs.common.store import Store, StoreError
from nfs.hss import registrations, tables, withdrawing
from nfs.hss.groups import imsi_groups
from nfs.hss.logic import UserId
from nfs.hss.mobility import Cancellation
from nfs.hss.monitoring.follow import Follow
from nfs.hss.profiles import subscription
from nfs.hss.registrations import Registration
from nfs.hss.s6a import S6a
from nfs.hss.s6a_orders import Outcome
from nfs.hss.tables import METADATA

Verb = Literal["update", "withdraw", "locate", "detach", "reset", "remove"]

ORDERED: Final = Table(
    "ordered",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("verb", String(8), nullable=False),
    Column("imsi", String(15), nullable=False),
    Column("detail", Text, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("outcome", Text),
)
STATE, LOCATION = 1 << 2, 1 << 3  # IDR-Flags
AT_ONCE: Final = 50
_NODE: Final = ("kind", "host", "realm", "plmn", "rat")
GIVEN_UP_S: Final = 3600
"""How long an order, or its outcome, is kept that nobody came for."""
AGAIN_S: Final = 60
"""When nodes are asked again to let go of a subscriber that is removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order.  `detail`: for `detach` whether the device is to attach again, for `reset` the digits of IMSIs, for
    `remove` the nodes, for `withdraw` what goes.
    """

    verb: Verb
    imsi: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


def place(connection: Connection, order: Order) -> int:
    """Order something; its number."""
    row = {"verb": order.verb, "imsi": order.imsi, "detail": json.dumps(dict(order.detail)), "taken": 0}
    found = connection.execute(insert(ORDERED), row).inserted_primary_key
    assert found is not None
    return int(found[0])


def claim(connection: Connection, now: int) -> list[tuple[int, Order]]:
    """Orders that nobody has taken; they are taken now."""
    c = ORDERED.c
    connection.execute(delete(ORDERED).where(c.taken > 0, c.taken <= now - GIVEN_UP_S))
    again = (c.verb == "remove") & (c.taken <= now - AGAIN_S)
    free = select(ORDERED).where((c.taken == 0) | again).order_by(c.id).limit(AT_ONCE).with_for_update(skip_locked=True)
    rows = connection.execute(free).all()
    if rows:
        connection.execute(update(ORDERED).where(c.id.in_([row.id for row in rows])).values(taken=now))
    return [(row.id, Order(verb=row.verb, imsi=row.imsi, detail=json.loads(row.detail))) for row in rows]


def remove(connection: Connection, imsi: str, now: float) -> bool:
    """Remove a subscriber, and order that the nodes that serve it let go of it; False when there is none."""
    found = [each for each in registrations.of(connection, imsi).values() if not each.purged]
    if not tables.remove(connection, imsi):
        return False
    if found:
        nodes = [{name: getattr(each, name) for name in _NODE} for each in found]
        place(connection, Order(verb="remove", imsi=imsi, detail={"nodes": nodes, "until": int(now) + GIVEN_UP_S}))
    return True


def finish(connection: Connection, number: int, outcome: Sequence[Mapping[str, Any]]) -> None:
    """Say what came of an order, node by node."""
    connection.execute(update(ORDERED).where(ORDERED.c.id == number).values(outcome=json.dumps(list(outcome))))


def outcome(connection: Connection, number: int) -> list[dict[str, Any]] | None:
    """What came of an order, which is then forgotten; None while nobody has carried it out."""
    row = connection.execute(select(ORDERED.c.outcome).where(ORDERED.c.id == number)).one()
    if row.outcome is None:
        return None
    connection.execute(delete(ORDERED).where(ORDERED.c.id == number))
    found: list[dict[str, Any]] = json.loads(row.outcome)
    return found


def cancel(connection: Connection, number: int) -> bool:
    """Take an order back; False when somebody has taken it, whose outcome is then kept for a while.

    Its number stays in use so long: what comes of it must not be read as what came of another order.
    """
    return connection.execute(delete(ORDERED).where(ORDERED.c.id == number, ORDERED.c.taken == 0)).rowcount > 0


class Desk:
    """Looks for orders every `poll_s` and carries them out.  `follow`: what SCEFs have set, None without S6t."""

    def __init__(
        self,
        s6a: S6a,
        follow: Follow | None,
        store: Store,
        *,
        poll_s: float,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Any],
    ) -> None:
        self._s6a = s6a
        self._orders = s6a.orders
        self._follow = follow
        self._store = store
        self._poll_s = poll_s
        self._clock = clock
        self._call_later = call_later
        self._looking = False
        self._again = False
        self._timer: Any = None
        self.failures = 0

    def start(self) -> None:
        """Look now, and again later."""
        self.wake()
        self._timer = self._call_later(self._poll_s, self.start)

    def wake(self) -> None:
        """Look now."""
        self._again = True
        if not self._looking:
            self._looking = True
            _ = self._s6a.spawn(self._look())

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    async def _look(self) -> None:
        try:
            while self._again:
                self._again = False
                for number, order in await self._store.do(lambda connection: claim(connection, int(self._clock()))):
                    _ = self._s6a.spawn(self._carry_out(number, order))
        except StoreError:
            self.failures += 1
        finally:
            self._looking = False

    async def _carry_out(self, number: int, order: Order) -> None:
        try:
            if order.verb == "remove":
                await self._let_go(number, order)
                return
            said = await self._said(order)
            await self._store.do(lambda connection: finish(connection, number, said))
        except StoreError:
            self.failures += 1

    async def _said(self, order: Order) -> list[dict[str, Any]]:
        if order.verb == "reset":
            return [_row(each) for each in await self._orders.reset(order.detail.get("users", ()))]
        if order.verb == "detach":
            reattach = bool(order.detail.get("reattach"))
            return [_row(each) for each in await self._orders.withdraw(order.imsi, reattach=reattach)]
        if order.verb == "locate":
            found = await self._orders.insert(order.imsi, {}, STATE | LOCATION)
            return [_row(each) | _whereabouts(each.answer) for each in found]
        if order.verb == "withdraw":
            return await self._withdraw(order)
        data = await self._store.do(lambda connection: self._data(connection, order.imsi))
        if data is None:
            return [{"host": "", "good": False, "result": "no profile"}]
        said = await self._orders.insert(order.imsi, lambda node: data[node.plmn])
        if await self._store.do(lambda connection: imsi_groups.withdrawn(connection, data)):
            said += [each for each in await self._orders.delete(order.imsi, imsi_groups.WITHDRAWAL) if not each.good]
        return [_row(each) for each in said]

    async def _withdraw(self, order: Order) -> list[dict[str, Any]]:
        """Take data away from nodes; what SCEFs have set goes here too, and they hear of it."""
        detail, now = order.detail, int(self._clock())

        def work(connection: Connection) -> tuple[int, dict[str, Any]] | str:
            subscriber = tables.find(connection, UserId(imsi=order.imsi))
            profile = None if subscriber is None else self._s6a.profiles.get(subscriber.profile or "")
            wanted = withdrawing.request(detail["what"], detail["apns"], detail["scef"], profile)
            if detail["scef"] and not isinstance(wanted, str):
                wanted[1]["SCEF-ID"] = withdrawing.forget_events(connection, order.imsi, detail["scef"], now)
            return wanted

        wanted = await self._store.do(work)
        if isinstance(wanted, str):
            return [{"host": "", "good": False, "result": wanted}]
        if self._follow is not None:
            self._follow.noted()
        return [_row(each) for each in await self._orders.delete(order.imsi, *wanted)]

    async def _let_go(self, number: int, order: Order) -> None:
        """Have nodes let go of a subscriber that is removed; those that do not answer are asked again.

        Where somebody has the IMSI again and is registered in the node, the node keeps him.
        """
        here = await self._store.do(lambda connection: registrations.of(connection, order.imsi))
        left = []
        for each in order.detail["nodes"]:
            node = Registration(**each)
            if any((one.kind, one.host) == (node.kind, node.host) for one in here.values()):
                continue
            said = await self._orders.cancel(order.imsi, node, Cancellation.SUBSCRIPTION_WITHDRAWAL)
            if said.result is None:
                left.append(each)
        over = not left or self._clock() >= order.detail["until"]
        await self._store.do(lambda connection: _keep(connection, number, order, left, over=over))

    def _data(self, connection: Connection, imsi: str) -> dict[str, dict[str, Any]] | None:
        """Subscription-Data as the next location update would bring them, by the network of the node."""
        subscriber = tables.find(connection, UserId(imsi=imsi))
        profile = None if subscriber is None else self._s6a.profiles.get(subscriber.profile or "")
        if subscriber is None or profile is None:
            return None
        data = subscription(profile, subscriber, sms=bool(subscriber.nodes))
        imsi_groups.extend(connection, subscriber, data)
        if self._follow is not None:
            self._follow.extend(connection, imsi, data)
        found = {each.plmn: dict(data) for each in registrations.of(connection, imsi).values()}
        if self._follow is not None:
            for plmn, each in found.items():
                self._follow.at(connection, imsi, plmn, each)
        return found


def _keep(connection: Connection, number: int, order: Order, left: Sequence[Any], *, over: bool) -> None:
    """Keep what is left of a removal, or nothing.

    Whoever took it meanwhile may have ended it, and its number be that of another order, which is not touched.
    """
    c = ORDERED.c
    same = (c.id == number) & (c.verb == "remove") & (c.imsi == order.imsi) & (c.detail == json.dumps(order.detail))
    detail = json.dumps({**order.detail, "nodes": left})
    connection.execute(delete(ORDERED).where(same) if over else update(ORDERED).where(same).values(detail=detail))


def _row(outcome: Outcome) -> dict[str, Any]:
    """What one node said."""
    if outcome.result is None:
        return {"host": outcome.host, "good": False, "result": outcome.why}
    vendor, code = outcome.result
    return {"host": outcome.host, "good": outcome.good, "result": f"{vendor}:{code}" if vendor else str(code)}


def _whereabouts(answer: Message | None) -> dict[str, Any]:
    """Network, tracking area and cell of an answer that has them (TS 29.272 7.3.117, 7.3.118)."""
    if answer is None or answer.result != (0, ResultCode.SUCCESS):
        return {}
    state = answer.get("EPS-User-State")
    mme = None if state is None else state.get("MME-User-State")
    found: dict[str, Any] = {} if mme is None else {"state": mme.get("User-State")}
    place = answer.get("EPS-Location-Information")
    location = None if place is None else place.get("MME-Location-Information")
    if location is None:
        return found
    area, cell = location.get("Tracking-Area-Identity", b""), location.get("E-UTRAN-Cell-Global-Identity", b"")
    if len(area) == 5:
        found["tac"] = int.from_bytes(area[3:])
        with suppress(IdentityError):  # its network is no network
            found["plmn"] = decode_plmn(area[:3])
    if len(cell) == 7:
        found["cell"] = int.from_bytes(cell[3:])
    return found


def desk_of(s6a: S6a, follow: Follow | None, poll_s: float, store: Store, reactor: Any) -> Desk | None:
    """The desk of an HSS; None where nobody is to look for orders."""
    if not poll_s:
        return None
    return Desk(s6a, follow, store, poll_s=poll_s, clock=reactor.seconds, call_later=reactor.callLater)
