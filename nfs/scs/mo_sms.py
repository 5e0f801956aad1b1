"""Short messages that devices send to this SCS: each is handed to the application once (TS 29.368 5.9).

The MTC-IWF brings the TPDU as the device made it; here it is read, parts of a long message are joined, and what came
before is dropped.  Messages wait until the application has taken them, in the SCS's database (`nfs.scs.message_memory`)
or, without one, in memory, where a restart loses them; with no room left, or nobody to take them, the MTC-IWF is told
so, and the device hears of it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from nfs.common.sms import Submit, decode_submit
from nfs.common.sms_layout import TpduError
from nfs.common.store import StoreError

REMEMBERED: Final = 10_000
"""Messages that are recognised when they come again."""
OPEN_MESSAGES: Final = 1000
"""Long messages that are joined at once; the oldest gives way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """One message, whole.  `number` counts from 1 in this process, or in the database.

    `to`: the address that the device sent to, digits.  `coding`: TP-DCS, which says what the octets of `payload` mean;
    0x04 is binary.  `reference`: the MTC-IWF's, of the last part.
    """

    number: int
    external_identifier: str
    to: str
    payload: bytes
    port: int | None
    coding: int
    reference: int

    @classmethod
    def of(cls, number: int, device: str, submit: Submit, payload: bytes, reference: int) -> ShortMessage:
        """The message that `submit` is, or the last part of."""
        return cls(
            number=number,
            external_identifier=device,
            to=submit.destination.digits,
            payload=payload,
            port=submit.user_data.port,
            coding=submit.dcs,
            reference=reference,
        )


class Taking(Enum):
    """What became of a Device-Notification with a message."""

    TAKEN = "taken"
    FULL = "full"
    NOBODY = "nobody"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of a message in a memory.  message: it, where it is whole now.  waiting: how many are."""

    taking: Taking
    message: ShortMessage | None = None
    duplicate: bool = False
    waiting: int = 0


class Memory(Protocol):
    """Where messages outlive the process: `nfs.scs.message_memory.MessageMemory`."""

    def take(
        self, iwf: str, device: str, reference: int, tpdu: bytes, submit: Submit, limit: int | None
    ) -> Awaitable[Kept]: ...
    def after(self, number: int, most: int) -> Awaitable[tuple[tuple[ShortMessage, ...], int]]: ...
    def forget(self, number: int) -> Awaitable[int]: ...


@dataclass(slots=True)
class Messages:
    """The messages of one SCS.

    limit: how many wait at most; 0 until somebody wants them.  listener: called with each message instead, when set.
    arrived: called when something new waits.

    memory: where they are kept instead; what works with it is `taken`, `behind` and `remember`, which do without one as
    well.  A listener has a message again after a restart when the process ended before it had returned.
    """

    limit: int = 0
    listener: Callable[[ShortMessage], None] | None = None
    arrived: Callable[[], None] | None = None
    duplicates: int = 0
    memory: Memory | None = None
    _waiting: deque[ShortMessage] = field(default_factory=deque)
    _had: OrderedDict[tuple[str, int, bytes], None] = field(default_factory=OrderedDict)
    _parts: OrderedDict[tuple[str, str, int | None, int, int], dict[int, bytes]] = field(default_factory=OrderedDict)
    _count: int = 0
    _kept: int = 0

    def __len__(self) -> int:
        """How many wait to be fetched."""
        return len(self._waiting) if self.memory is None else self._kept

    @property
    def wanted(self) -> bool:
        """Whether anybody takes messages here."""
        return bool(self.limit) or self.listener is not None

    def take(self, iwf: str, device: str, reference: int, tpdu: bytes) -> Taking:
        """Take what MTC-IWF `iwf` (Origin-Host) brings from `device` (External Identifier)."""
        if not self.wanted:
            return Taking.NOBODY
        seen = (iwf, reference, tpdu)
        if seen in self._had:
            self.duplicates += 1
            return Taking.TAKEN
        try:
            submit = decode_submit(tpdu)
        except TpduError:
            return Taking.UNREADABLE
        if self.listener is None and len(self._waiting) >= self.limit:
            return Taking.FULL
        self._had[seen] = None
        if len(self._had) > REMEMBERED:
            self._had.popitem(last=False)
        payload = self._whole(device, submit)
        if payload is not None:
            self._count += 1
            self._hand_on(ShortMessage.of(self._count, device, submit, payload, reference))
        return Taking.TAKEN

    def after(self, number: int, most: int = 100) -> tuple[ShortMessage, ...]:
        """What waits behind message `number`; that one and those before it are taken, and forgotten here."""
        while self._waiting and self._waiting[0].number <= number:
            self._waiting.popleft()
        return tuple(self._waiting)[:most]

    async def taken(self, iwf: str, device: str, reference: int, tpdu: bytes) -> Taking:
        """As `take`; with a memory it is on disk when this returns.  Raises StoreError, and it is not taken."""
        if self.memory is None or not self.wanted:
            return self.take(iwf, device, reference, tpdu)
        try:
            submit = decode_submit(tpdu)
        except TpduError:
            return Taking.UNREADABLE
        limit = self.limit if self.listener is None else None
        kept = await self.memory.take(iwf, device, reference, tpdu, submit, limit)
        self._kept = kept.waiting
        self.duplicates += kept.duplicate
        if kept.message is not None and self.listener is not None:
            with suppress(StoreError):  # it is given again after a restart
                await self._give(self.memory, self.listener, kept.message)
        elif kept.message is not None and self.arrived is not None:
            self.arrived()
        return kept.taking

    async def behind(self, number: int, most: int = 100) -> tuple[ShortMessage, ...]:
        """As `after`, from the memory where there is one.  Raises StoreError."""
        if self.memory is None:
            return self.after(number, most)
        found, self._kept = await self.memory.after(number, most)
        return found

    async def remember(self) -> None:
        """Count what waits in the memory; a listener gets it now.  Raises StoreError."""
        if self.memory is None:
            return
        found = await self.behind(0)
        while self.listener is not None and found:
            for each in found:
                await self._give(self.memory, self.listener, each)
            found = await self.behind(0)

    async def _give(self, memory: Memory, listener: Callable[[ShortMessage], None], message: ShortMessage) -> None:
        listener(message)
        self._kept = await memory.forget(message.number)

    def _hand_on(self, message: ShortMessage) -> None:
        if self.listener is not None:
            self.listener(message)
            return
        self._waiting.append(message)
        if self.arrived is not None:
            self.arrived()

    def _whole(self, device: str, submit: Submit) -> bytes | None:
        """The payload once every part of it is here."""
        data = submit.user_data
        part = data.part
        if part is None:
            return data.data
        key = (device, submit.destination.digits, data.port, part.reference, part.total)
        parts = self._parts.setdefault(key, {})
        parts[part.number] = data.data
        if len(parts) < part.total:
            if len(self._parts) > OPEN_MESSAGES:
                self._parts.popitem(last=False)
            return None
        del self._parts[key]
        return b"".join(parts[number] for number in range(1, part.total + 1))
