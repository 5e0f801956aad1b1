"""An accounting session as the client sees it: section 8.2, first table, and section 9."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from diameter.errors import ResultCode
from diameter.message import Message
from diameter.session.accounting import ClientAction, ClientInput, Realtime, RecordType, State, step_client
from diameter.session.outputs import End, Output, Outputs, Send, Start
from diameter.session.records import Record, Storage
from diameter.session.terms import succeeded

JITTER: Final = 0.1
"""Interim records come this fraction earlier or later (section 9.8.2: "MUST ensure that ... times are randomized")."""
UNDELIVERED: Final = frozenset({ResultCode.OUT_OF_SPACE, ResultCode.TOO_BUSY, ResultCode.LOOP_DETECTED})
"""Result-Codes that section 8.2 counts as "failure to send"."""

_I, _A = ClientInput, ClientAction


class AccountingClient:
    """One session, or sub-session.  Public: `session_id`, `state`, `interim_s` and `realtime` (the latest word of the
    server), `lost` (records that could neither be delivered nor stored).

    `usage` gives the service-specific AVPs of a record of its type, cumulative where the RFC says so; it is called
    when the record is made.
    """

    def __init__(
        self,
        session_id: str,
        *,
        realm: str,
        storage: Storage,
        uniform: Callable[[float, float], float],
        usage: Callable[[RecordType], Mapping[str, Any]] = lambda _kind: {},
        server: str | None = None,
        sub_session: int | None = None,
    ) -> None:
        """`realm`, `server`: where the records go; a `server` only where Session-Binding does not forbid it."""
        self.session_id = session_id
        self.state = State.IDLE
        self.interim_s = 0
        self.realtime = Realtime.GRANT_AND_STORE
        self.lost = 0
        self._realm = realm
        self._storage = storage
        self._uniform = uniform
        self._usage = usage
        self._server = server
        self._sub_session = sub_session
        self._numbers = 0
        self._sent: Record | None = None
        self._stop: Record | None = None
        self._due: float | None = None
        self._granted = False

    # ---- from the service

    def begin(self, now: float) -> Outputs:
        """A service of measurable length begins: START_RECORD."""
        return self._feed(_I.REQUESTS_ACCESS, now)

    def event(self, now: float) -> Outputs:
        """A one-time service: EVENT_RECORD."""
        return self._feed(_I.REQUESTS_EVENT, now)

    def interim(self, now: float) -> Outputs:
        """An INTERIM_RECORD out of turn, as section 9.8.1 wants one at each re-authorization."""
        return self._feed(_I.INTERIM_DUE, now)

    def end(self, now: float) -> Outputs:
        """The service has ended: STOP_RECORD, at once or once the record under way is settled."""
        return self._feed(_I.SERVICE_ENDS, now)

    def drain(self, now: float) -> Outputs:
        """Send the oldest stored record, if there is one: after a restart, or when the server can be reached again."""
        return self._feed(_I.RECORDS_STORED, now) if self._storage.first() is not None else ()

    def obey(self, answer: Message) -> None:
        """Take over Acct-Interim-Interval and Accounting-Realtime-Required of an answer (section 9.1).

        To be called with the authorization answer; answers given to `answered` are taken over there.
        """
        self.interim_s = answer.get("Acct-Interim-Interval", self.interim_s)
        realtime = answer.get("Accounting-Realtime-Required", self.realtime)
        if realtime in tuple(Realtime):
            self.realtime = Realtime(realtime)

    # ---- from the server

    def answered(self, answer: Message, now: float) -> Outputs:
        """The ACA to what was sent last."""
        result = answer.result
        if result is not None and result[0] == 0 and result[1] in UNDELIVERED:
            return self.failed(now)
        if succeeded(answer):
            self.obey(answer)
            return self._feed(_I.ANSWERED, now)
        code = "no result" if result is None else result[1]
        lenient = self.realtime is Realtime.GRANT_AND_LOSE
        return self._feed(_I.FAILED_LENIENT if lenient else _I.FAILED_STRICT, now, f"record refused with {code}")

    def failed(self, now: float) -> Outputs:
        """What was sent last could not be delivered, or was not answered."""
        record = self._sent
        if record is None:
            return ()
        if self._storage.has_room(record):
            strict = self.realtime is Realtime.DELIVER_AND_GRANT
            event = _I.UNSENT_ROOM_STRICT if strict else _I.UNSENT_ROOM
        else:
            lenient = self.realtime is Realtime.GRANT_AND_LOSE
            event = _I.UNSENT_FULL_LENIENT if lenient else _I.UNSENT_FULL_STRICT
        return self._feed(event, now, "no accounting server")

    # ---- time

    def deadline(self) -> float | None:
        """When the next interim record is due; None while there is none, or a record is under way."""
        return self._due if self.state is State.OPEN else None

    def expire(self, now: float) -> Outputs:
        """The timer may be over; nothing happens before its time."""
        if self.state is State.OPEN and self._due is not None and self._due <= now:
            return self._feed(_I.INTERIM_DUE, now)
        return ()

    # ---- inside

    def _feed(self, event: ClientInput, now: float, reason: str = "") -> Outputs:
        before = self.state
        found = step_client(before, event)
        if found is None:
            return ()
        actions, self.state = found
        outputs = [self._carry_out(action, reason, now) for action in actions]
        made: list[Output] = [each for each in outputs if each is not None]
        if before in (State.PENDING_S, State.PENDING_I) and self.state is not before:
            made += self._settled(before, stored=_A.STORE in actions, answered=event is _I.ANSWERED, now=now)
        elif self.state is State.IDLE and before is not State.PENDING_B:
            self.lost += event is not _I.ANSWERED and _A.STORE not in actions
            made.append(End(reason=reason or "accounted for"))
        return tuple(made)

    def _settled(self, before: State, *, stored: bool, answered: bool, now: float) -> list[Output]:
        """A start or interim record is delivered, stored or lost."""
        self.lost += not stored and not answered
        if self.state is State.IDLE:
            self._due = None
            if self._stop is not None:  # it stays in the store, and is sent from there
                stop, self._stop = self._stop, None
                self._keep(stop)
            return []
        if self._stop is not None:
            return list(self._feed(_I.SERVICE_ENDS, now))
        if self._due is None and self.interim_s:
            self._arm(now)
        first = before is State.PENDING_S and not self._granted
        self._granted = True
        return [Start()] if first else []

    def _carry_out(self, action: ClientAction, reason: str, now: float) -> Output | None:
        match action:
            case _A.SEND_START:
                return self._send(self._record(RecordType.START))
            case _A.SEND_EVENT:
                return self._send(self._record(RecordType.EVENT))
            case _A.SEND_INTERIM:
                self._arm(now)
                return self._send(self._record(RecordType.INTERIM))
            case _A.SEND_STOP:
                self._due = None
                stop, self._stop = self._stop, None
                return self._send(stop or self._record(RecordType.STOP))
            case _A.SEND_RECORD:
                record = self._storage.first()
                return None if record is None else self._send(record)
            case _A.STORE:
                if self._sent is not None:
                    self._storage.store(self._sent)
            case _A.STORE_STOP:
                self._stop = self._stop or self._record(RecordType.STOP)
            case _A.DELETE:
                if self._sent is not None:
                    self._storage.delete(self._sent)
            case _A.DISCONNECT:
                return End(reason=reason, disconnect=True)
        return None

    def _keep(self, record: Record) -> None:
        if self._storage.has_room(record):
            self._storage.store(record)
        else:
            self.lost += 1

    def _arm(self, now: float) -> None:
        self._due = now + self.interim_s * self._uniform(1 - JITTER, 1 + JITTER) if self.interim_s else None

    def _record(self, kind: RecordType) -> Record:
        """The next record; numbers as section 9.8.3 proposes, 0 for start and event, then one up for each."""
        number = self._numbers
        self._numbers += 1
        usage = self._usage(kind)
        return Record(
            session_id=self.session_id, kind=kind, number=number, sub_session=self._sub_session, avps=usage
        )  # fmt: skip

    def _send(self, record: Record) -> Send:
        self._sent = record
        return Send(command="Accounting", avps=record.as_avps(), to=self._server, realm=self._realm)
