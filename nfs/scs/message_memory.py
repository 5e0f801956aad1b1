"""What an SCS remembers of the short messages of devices: each is on disk before the MTC-IWF is told that it arrived.

A message waits in its row until an application has taken it; parts of a long one wait for the others.  What came is
recognised when it comes again, also after a restart, for as long as it is one of the last `REMEMBERED`.  Numbers are
given in the transaction that writes the message, so an application that asks for what is behind the last number it has
dealt with sees each message once, whatever is restarted meanwhile.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, or_, select, text, update

from nfs.common.sms import Submit
from nfs.common.store import Store
from nfs.scs.memory import MESSAGE, MESSAGE_HAD, MESSAGE_LAST, MESSAGE_PART
from nfs.scs.mo_sms import REMEMBERED, Kept, ShortMessage, Taking

PARTS_S: Final = 86_400.0
"""How long a part waits for the others: a device counts its long messages with 8 bits, and begins anew."""
FORGET_EVERY: Final = 100
"""After so many that came what is old is forgotten."""
_LOCK: Final = text("UPDATE scs_message_last SET waiting = waiting RETURNING number, arrival, waiting")
"""First of all, so that of several processes each sees what the others have written."""
_LAST: Final = update(MESSAGE_LAST)
_TAKEN: Final = text("UPDATE scs_message_last SET waiting = waiting - :taken")
_HAD: Final = select(MESSAGE_HAD.c.arrival).where(MESSAGE_HAD.c.digest == bindparam("which"))
_OLD: Final = tuple(delete(each).where(each.c.arrival <= bindparam("old")) for each in (MESSAGE_HAD, MESSAGE_PART))
_PARTS: Final = select(MESSAGE_PART).where(MESSAGE_PART.c.digest == bindparam("which"))
_DROP: Final = delete(MESSAGE_PART).where(
    MESSAGE_PART.c.digest == bindparam("which"),
    or_(MESSAGE_PART.c.part == bindparam("again"), MESSAGE_PART.c.arrived_at < bindparam("old")),
)
_DROP_ALL: Final = delete(MESSAGE_PART).where(MESSAGE_PART.c.digest == bindparam("which"))
_BEHIND: Final = select(MESSAGE).order_by(MESSAGE.c.number).limit(bindparam("most"))
_UP_TO: Final = delete(MESSAGE).where(MESSAGE.c.number <= bindparam("last"))
_ONE: Final = delete(MESSAGE).where(MESSAGE.c.number == bindparam("last"))
_WAITING: Final = select(MESSAGE_LAST.c.waiting)


class MessageMemory:
    """The rows of messages on a Store; each method returns what fires once it is on disk (raises StoreError).

    clock: seconds since 1970.
    """

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def take(
        self, iwf: str, device: str, reference: int, tpdu: bytes, submit: Submit, limit: int | None
    ) -> Awaitable[Kept]:
        """Write down what came, unless it came before or `limit` messages wait; `submit` is what is in `tpdu`."""
        digest, now = _digest(iwf, reference, tpdu), self._clock()

        def work(connection: Connection) -> Kept:
            last = connection.execute(_LOCK).one()
            if connection.execute(_HAD, {"which": digest}).one_or_none() is not None:
                return Kept(taking=Taking.TAKEN, duplicate=True, waiting=last.waiting)
            if limit is not None and last.waiting >= limit:
                return Kept(taking=Taking.FULL, waiting=last.waiting)
            arrival = last.arrival + 1
            connection.execute(insert(MESSAGE_HAD), {"digest": digest, "arrival": arrival})
            if arrival % FORGET_EVERY == 0:
                for each in _OLD:
                    connection.execute(each, {"old": arrival - REMEMBERED})
            payload, message = _whole(connection, device, submit, arrival, now), None
            if payload is not None:
                message = ShortMessage.of(last.number + 1, device, submit, payload, reference)
                connection.execute(insert(MESSAGE), _row(message))
            more = int(message is not None)
            count = {"number": last.number + more, "arrival": arrival, "waiting": last.waiting + more}
            connection.execute(_LAST, count)
            return Kept(taking=Taking.TAKEN, message=message, waiting=count["waiting"])

        return self._store.do(work)

    def after(self, number: int, most: int) -> Awaitable[tuple[tuple[ShortMessage, ...], int]]:
        """The first `most` messages behind `number`, and how many wait; that one and those before it are forgotten."""

        def work(connection: Connection) -> tuple[tuple[ShortMessage, ...], int]:
            waiting = _forget(connection, _UP_TO, number)
            return tuple(_message(row) for row in connection.execute(_BEHIND, {"most": most})), waiting

        return self._store.do(work)

    def forget(self, number: int) -> Awaitable[int]:
        """Forget one message; how many wait then."""
        return self._store.do(lambda connection: _forget(connection, _ONE, number))


def _forget(connection: Connection, what: Any, number: int) -> int:
    """Forget messages; how many wait then."""
    taken = connection.execute(what, {"last": number}).rowcount
    if taken:
        connection.execute(_TAKEN, {"taken": taken})
    waiting: int = connection.execute(_WAITING).scalar_one()
    return waiting


def _whole(connection: Connection, device: str, submit: Submit, arrival: int, now: float) -> bytes | None:
    """The payload once every part of it is here."""
    data = submit.user_data
    part = data.part
    if part is None:
        return data.data
    which = _digest(device, submit.destination.digits, data.port, part.reference, part.total)
    connection.execute(_DROP, {"which": which, "again": part.number, "old": now - PARTS_S})
    parts = {row.part: row.payload for row in connection.execute(_PARTS, {"which": which})}
    parts[part.number] = data.data
    if len(parts) < part.total:
        row = {"digest": which, "part": part.number, "payload": data.data, "arrival": arrival, "arrived_at": now}
        connection.execute(insert(MESSAGE_PART), row)
        return None
    connection.execute(_DROP_ALL, {"which": which})
    return b"".join(bytes(parts[number]) for number in range(1, part.total + 1))


def _digest(*what: object) -> str:
    return sha256(repr(what).encode()).hexdigest()


def _row(message: ShortMessage) -> dict[str, Any]:
    return {
        "number": message.number,
        "device": message.external_identifier,
        "destination": message.to,
        "payload": message.payload,
        "port": message.port,
        "coding": message.coding,
        "reference": message.reference,
    }


def _message(row: Row[Any]) -> ShortMessage:
    return ShortMessage(
        number=row.number,
        external_identifier=row.device,
        to=row.destination,
        payload=bytes(row.payload),
        port=row.port,
        coding=row.coding,
        reference=row.reference,
    )
