"""Accounting sessions as the server sees them: section 8.2, second and third table, and section 9.

The stateless server is the default: it takes records in any order.  The stateful one follows each session with the
supervision timer Ts.  Both recognise a record sent twice by Session-Id, Accounting-Sub-Session-Id and
Accounting-Record-Number (section 9.4) and answer it without keeping it again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from diameter.errors import ResultCode
from diameter.message import Message
from diameter.session.accounting import Realtime, RecordType, ServerAction, ServerInput, State, step_server

REMEMBERED: Final = 100_000
"""Records remembered to recognise duplicates."""
TS_INTERVALS: Final = 2
"""Ts in intervals of Acct-Interim-Interval, as section 8.2 proposes."""

_I, _A = ServerInput, ServerAction
_INPUTS: Final = {
    RecordType.EVENT: _I.EVENT,
    RecordType.START: _I.START,
    RecordType.INTERIM: _I.INTERIM,
    RecordType.STOP: _I.STOP,
}
_CODES: Final = {
    _A.SEND_ANSWER: ResultCode.SUCCESS,
    _A.SEND_OUT_OF_SPACE: ResultCode.OUT_OF_SPACE,
    _A.SEND_UNKNOWN: ResultCode.UNKNOWN_SESSION_ID,
    _A.SEND_REFUSED: ResultCode.UNABLE_TO_COMPLY,
}
SessionKey = tuple[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of an Accounting-Request: its answer, and whether the record in it has to be kept."""

    answer: Message
    keep: bool


class AccountingServer:
    """All accounting sessions of one server.  `open`: (Session-Id, Accounting-Sub-Session-Id) of each open session and
    when its Ts ends, None for never; always empty when stateless.
    """

    def __init__(
        self,
        *,
        stateful: bool = False,
        interim_s: int | None = None,
        realtime: Realtime | None = None,
        ts_s: float | None = None,
        remembered: int = REMEMBERED,
    ) -> None:
        """`interim_s`, `realtime`: the orders that every answer carries (section 9.1).  `ts_s`: Ts where there is no
        interval to take twice of; sessions of a stateful server without both are supervised by nobody.
        """
        self.open: dict[SessionKey, float | None] = {}
        self._stateful = stateful
        self._interim_s = interim_s
        self._realtime = realtime
        self._ts_s = ts_s if ts_s is not None or not interim_s else float(TS_INTERVALS * interim_s)
        self._remembered = remembered
        self._seen: OrderedDict[tuple[str, int | None, int], None] = OrderedDict()

    def received(self, request: Message, now: float, *, space: bool = True) -> Taken:
        """Take an ACR.  `space`: whether a record can be stored; store it when `keep` says so, before answering."""
        kind = request.number("Accounting-Record-Type")
        if kind not in tuple(RecordType):
            return Taken(answer=self._answer(request, ResultCode.INVALID_AVP_VALUE), keep=False)
        record = self._identity(request)
        if record in self._seen:
            return Taken(answer=self._answer(request, ResultCode.SUCCESS), keep=False)
        event = _INPUTS[RecordType(kind)] if space else _I.NO_SPACE
        code = self._step(record[:2], event, now)
        keep = code is ResultCode.SUCCESS
        if keep:
            self._remember(record)
        return Taken(answer=self._answer(request, code), keep=keep)

    def deadline(self) -> float | None:
        """When the first Ts ends; None for never."""
        return min((ends for ends in self.open.values() if ends is not None), default=None)

    def expire(self, now: float) -> tuple[SessionKey, ...]:
        """The sessions whose Ts is over; they are forgotten."""
        late = tuple(key for key, ends in self.open.items() if ends is not None and ends <= now)
        for key in late:
            self._advance(key, _I.TS_EXPIRED, now)
        return late

    # ---- inside

    def _step(self, key: SessionKey, event: ServerInput, now: float) -> ResultCode:
        if self._stateful and event is _I.STOP and key[1] is None and key not in self.open:
            subs = [each for each in self.open if each[0] == key[0]]
            if subs:  # section 9.8.6: a stop without sub-session ends all of them
                codes = {self._advance(each, event, now) for each in subs}
                return codes.pop()
        return self._advance(key, event, now)

    def _advance(self, key: SessionKey, event: ServerInput, now: float) -> ResultCode:
        state = State.OPEN if key in self.open else State.IDLE
        found = step_server(state, event, stateful=self._stateful)
        if found is None:
            return ResultCode.UNABLE_TO_COMPLY
        actions, after = found
        if after is State.IDLE:
            self.open.pop(key, None)
        elif _A.START_TS in actions or _A.RESTART_TS in actions:
            self.open[key] = None if self._ts_s is None else now + self._ts_s
        return next((_CODES[action] for action in actions if action in _CODES), ResultCode.SUCCESS)

    def _remember(self, record: tuple[str, int | None, int]) -> None:
        self._seen[record] = None
        if len(self._seen) > self._remembered:
            self._seen.popitem(last=False)

    @staticmethod
    def _identity(request: Message) -> tuple[str, int | None, int]:
        sub_session = request.get("Accounting-Sub-Session-Id")
        return request.text("Session-Id"), sub_session, request.number("Accounting-Record-Number")

    def _answer(self, request: Message, code: ResultCode) -> Message:
        avps: dict[str, Any] = {
            name: request[name]
            for name in ("Accounting-Record-Type", "Accounting-Record-Number", "Accounting-Sub-Session-Id")
            if name in request
        }
        if self._interim_s is not None:
            avps["Acct-Interim-Interval"] = self._interim_s
        if self._realtime is not None:
            avps["Accounting-Realtime-Required"] = int(self._realtime)
        return request.answer(int(code), avps)
