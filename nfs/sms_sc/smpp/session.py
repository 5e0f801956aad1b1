"""One SMPP connection as a state machine without a socket: PDUs in, PDUs out (SMPP 3.4 clause 2.2).

OPEN until a bind is accepted, then bound to send, to receive or to do both, until unbind or the end of the connection.
Before the bind only a bind is read, and only a short one; whoever is refused is cut off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from enum import Flag, auto
from typing import Any, Final, Protocol

from diameter.app import Later
from nfs.sms_sc.smpp.pdu import (
    ANSWER,
    GENERIC_NACK,
    MAX_OCTETS,
    Bind,
    BindAnswer,
    Body,
    Command,
    Empty,
    Pdu,
    PduError,
    Reader,
    Sms,
    SmsAnswer,
    Status,
    Tag,
    decode,
)

UNBOUND_OCTETS: Final = 512
"""Of the longest PDU before a bind."""
_VERSION: Final = ((int(Tag.SC_INTERFACE_VERSION), b"\x34"),)


class Direction(Flag):
    """What a session is bound for."""

    NONE = 0
    SEND = auto()
    """The SME submits."""
    RECEIVE = auto()
    """The SME gets receipts."""


_BINDS: Final = {
    Command.BIND_TRANSMITTER: Direction.SEND,
    Command.BIND_RECEIVER: Direction.RECEIVE,
    Command.BIND_TRANSCEIVER: Direction.SEND | Direction.RECEIVE,
}


class Owner(Protocol):
    """Who decides for all sessions."""

    def bind(self, session: Session, bind: Bind, direction: Direction) -> tuple[Status, int]:
        """Whether this SME may, and how many of its messages may be unanswered."""

    def submit(self, session: Session, sms: Sms) -> Coroutine[Any, Any, tuple[Status, str]]:
        """Take a message: the status, and the message_id once it is kept."""

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        """Run beside everything."""

    def freed(self, session: Session) -> None:
        """This session can take another receipt, or none any more."""


class Session:
    """See the module.  `write` sends octets, `close` ends the connection after them; `peer` is who it is for audit.

    `names`: what the certificate of the other end proves, empty in clear text; `secure`: there is such a certificate.
    """

    def __init__(
        self,
        owner: Owner,
        write: Callable[[bytes], None],
        close: Callable[[], None],
        *,
        system_id: str,
        address: str = "",
        names: tuple[str, ...] = (),
        secure: bool = False,
    ) -> None:
        self._owner = owner
        self._write = write
        self._close = close
        self._system_id = system_id.encode("ascii")
        self.address = address
        self.names = names
        self.secure = secure
        self.sme = ""
        self.direction = Direction.NONE
        self.ended = False
        self._reader = Reader(UNBOUND_OCTETS)
        self._window = 0
        self._submitting = 0
        self._sequence = 0
        self._waiting: dict[int, Later[int]] = {}
        self._begun: deque[Pdu] = deque()

    @property
    def room(self) -> bool:
        """Another receipt may be sent now."""
        return not self.ended and bool(self.direction & Direction.RECEIVE) and len(self._waiting) < self._window

    def received(self, octets: bytes) -> None:
        """Take octets from the wire; what is no PDU is answered with generic_nack, and ends the session if it must."""
        self._reader.feed(octets)
        while not self.ended:
            try:
                whole = self._reader.next()
                if whole is None:
                    return
                self._take(decode(whole))
            except PduError as wrong:
                self._send(Pdu(command=GENERIC_NACK, status=wrong.status, sequence=wrong.sequence))
                if wrong.fatal or not self.direction:
                    self.end()

    def end(self) -> None:
        """End the session; what waits for an answer gets none."""
        if not self.ended:
            self.lost()
            self._close()

    def lost(self) -> None:
        """The connection is gone."""
        if self.ended:
            return
        self.ended = True
        waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.resolve(-1)
        self._owner.freed(self)

    def enquire(self) -> Later[int]:
        """Ask whether the other end is there; the status of its answer, -1 when the session ended."""
        return self._ask(Command.ENQUIRE_LINK, Empty())

    def deliver(self, sms: Sms) -> Later[int]:
        """Send a deliver_sm; the status of its answer, -1 when the session ended."""
        return self._ask(Command.DELIVER_SM, sms)

    def unbind(self) -> Later[int]:
        """Say goodbye; nothing more is taken."""
        self.direction = Direction.NONE
        return self._ask(Command.UNBIND, Empty())

    def _ask(self, command: Command, body: Body) -> Later[int]:
        answer: Later[int] = Later()
        if self.ended:
            answer.resolve(-1)
            return answer
        self._sequence = self._sequence % 0x7FFF_FFFF + 1
        self._waiting[self._sequence] = answer
        self._send(Pdu(command=command, sequence=self._sequence, body=body))
        return answer

    def _take(self, pdu: Pdu) -> None:
        if pdu.command & ANSWER:
            answer = self._waiting.pop(pdu.sequence, None)
            if answer is not None:
                answer.resolve(pdu.status)
                self._owner.freed(self)
        elif isinstance(pdu.body, Bind):
            self._bind(pdu, pdu.body)
        elif not self.direction:
            self._answer(pdu, Status.WRONG_BIND_STATE)
            self.end()
        elif pdu.command == Command.ENQUIRE_LINK:
            self._answer(pdu, Status.OK)
        elif pdu.command == Command.UNBIND:
            self._answer(pdu, Status.OK)
            self.end()
        elif isinstance(pdu.body, Sms) and pdu.command == Command.SUBMIT_SM and self.direction & Direction.SEND:
            self._submit(pdu, pdu.body)
        else:
            self._answer(pdu, Status.WRONG_BIND_STATE)

    def _bind(self, pdu: Pdu, bind: Bind) -> None:
        if self.direction:
            self._answer(pdu, Status.ALREADY_BOUND)
            return
        status, window = self._owner.bind(self, bind, _BINDS[Command(pdu.command)])
        if status is not Status.OK:
            self._answer(pdu, status)
            self.end()
            return
        self.sme = bind.system_id.decode("ascii")
        self.direction = _BINDS[Command(pdu.command)]
        self._window = window
        self._reader.limit = MAX_OCTETS
        self._answer(pdu, Status.OK, BindAnswer(system_id=self._system_id, tlvs=_VERSION))
        self._owner.freed(self)

    def _submit(self, pdu: Pdu, sms: Sms) -> None:
        if self._submitting >= self._window:
            self._answer(pdu, Status.THROTTLED)
            return
        self._submitting += 1
        self._owner.spawn(self._submitted(pdu, sms))

    async def _submitted(self, pdu: Pdu, sms: Sms) -> None:
        status, message_id = await self._owner.submit(self, sms)
        self._submitting -= 1
        body = SmsAnswer(message_id=message_id.encode("ascii")) if status is Status.OK else Empty()
        self._answer(pdu, status, body)

    def _answer(self, pdu: Pdu, status: Status, body: Body | None = None) -> None:
        self._send(
            Pdu(command=pdu.command | ANSWER, status=status, sequence=pdu.sequence, body=body if body else Empty())
        )

    def _send(self, pdu: Pdu) -> None:
        if not self.ended:
            self._write(pdu.encode())
