"""Sessions, RFC 6733 sections 8 and 9: any messages that a node lets through, in any order and at any time, leave a
session in a state of its tables, with something to do in finite time, and with outputs that can be sent.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter import Message, decode, encode
    from diameter.errors import REFUSE
    from diameter.session import (
        AccountingClient,
        AccountingServer,
        Cause,
        ClientSession,
        End,
        Outputs,
        Record,
        Reply,
        Respond,
        Send,
        ServerSession,
        ServerSessions,
        Sessions,
        Storage,
        Terms,
    )
    from diameter.session.accounting import Realtime, RecordType
    from diameter.session.accounting import State as AccountingState
    from diameter.session.authorization import State
    from diameter.wire import avp
    from helpers.edits import edited
    from helpers.sessions import SESSION, answer, dictionary, request

LIMIT = 3
"""Records the store of the accounting client takes."""
TERMS = (Terms(), Terms(lifetime_s=60), Terms(lifetime_s=60, grace_s=5, timeout_s=600), Terms(timeout_s=0))
Times = dict[str, Any]


@cache
def messages() -> tuple[bytes, ...]:
    """What is fed, before it is damaged: answers of the server first, then requests of either side."""
    hour: Times = {"Authorization_Lifetime": 3600, "Auth_Grace_Period": 60, "Session_Timeout": 7200}
    built = (
        answer(),
        answer(**hour, Auth_Session_State=0, Class=[b"one"], Re_Auth_Request_Type=1),
        answer(Auth_Session_State=1, Session_Timeout=60, Acct_Interim_Interval=60, Accounting_Realtime_Required=1),
        answer(1001, Multi_Round_Time_Out=30),
        answer(3004, Session_Binding=7, Session_Server_Failover=3),
        answer(5003),
        answer(command="Session-Termination"),
        answer(command="Re-Auth"),
        answer(command="Abort-Session"),
        answer(command="Accounting"),
        answer(command="Accounting", Acct_Interim_Interval=5, Accounting_Realtime_Required=3),
        answer(4002, command="Accounting"),
        request(User_Name="bob", Authorization_Lifetime=100, Session_Timeout=50, Origin_State_Id=1),
        request("Re-Auth"),
        request("Abort-Session"),
        request("Session-Termination"),
        request("Accounting", Accounting_Record_Type=2),
        request("Accounting", Accounting_Record_Type=3, Accounting_Record_Number=1),
        request("Accounting", Accounting_Record_Type=4, Accounting_Record_Number=2, Accounting_Sub_Session_Id=9),
    )
    return tuple(encode(one) for one in built)


def oracle(data: bytes) -> None:
    """Octet 0: which side and what kind of it; then steps: wait, wish, or a message with up to eight edits."""
    choices = Choices(data)
    kind = choices.octet()
    side = (_Client, _Server, _AccountingClient, _AccountingServer)[kind & 3](kind >> 2)
    while choices.left:
        step = choices.octet()
        if step < 64:
            side.wait(float(2 ** (step % 20)))
        elif step < 128:
            side.wish(step)
        else:
            message = _message(choices)
            if message is not None:
                side.take(message, step)
        side.check()
    side.end()


def _message(choices: Choices) -> Message | None:
    """One message as a session would get it: a node refuses requests with faults and drops such answers."""
    chosen = messages()[choices.below(len(messages()))]
    few = bytes(choices.octet() for _ in range(choices.below(12)))
    message = _received(edited(chosen, Choices(few), dictionary()))
    good = message.framed and all(fault.verdict != REFUSE for fault in message.faults)
    return message if good and message.get("Session-Id") is not None else None


def _received(octets: bytes) -> Message:
    """A message with the Origin-Host and Origin-Realm that the node would answer with."""
    message = decode(octets, dictionary())
    message.origin = avp.build(264, 0, avp.FLAG_M, b"us.example") + avp.build(296, 0, avp.FLAG_M, b"example")
    return message


class _Side:
    """What the four have in common: `now`, timers that go off in time, outputs that can be carried out."""

    def __init__(self) -> None:
        self.now = 1000.0

    def wait(self, seconds: float) -> None:
        """Let every timer of this time go off."""
        until = self.now + seconds
        for _ in range(50):
            due = self.deadline()
            if due is None or due > until:
                self.now = until
                return
            self.now = max(self.now, due)
            self.expire()
        raise AssertionError(f"timers without end: {due}, and it is {self.now}")

    def deadline(self) -> float | None:
        raise AssertionError("to be said by each")

    def expire(self) -> None:
        raise AssertionError("to be said by each")

    def carried_out(self, outputs: Outputs) -> Outputs:
        """Each output becomes octets where it has to."""
        for output in outputs:
            if isinstance(output, Reply):
                encode(output.answer)
            elif isinstance(output, Send):
                own = {name: value for name, value in output.avps.items() if name != "Session-Id"}
                name = output.command or "Access"
                encode(request(name, **{key.replace("-", "_"): value for key, value in own.items()}))
                assert output.avps["Session-Id"] == SESSION
                assert output.realm
            elif isinstance(output, Respond) and output.success:
                encode(answer(**{key.replace("-", "_"): value for key, value in output.avps.items()}))
        assert sum(isinstance(one, End) for one in outputs) <= 1
        return outputs


class _Authorized(_Side):
    """What both sides of an authorization session have in common; `one` is among `all`."""

    all: Sessions[Any]
    one: Any

    def deadline(self) -> float | None:
        return self.all.deadline()

    def expire(self) -> None:
        for _, outputs in self.all.expire(self.now):
            self.carried_out(outputs)
            self._revive()

    def _fed(self, outputs: Outputs) -> None:
        self.carried_out(self.all.fed(self.one, outputs))
        self._revive()

    def _revive(self) -> None:
        """A session that has ended may be used again."""
        if not len(self.all):
            assert self.one.state is State.IDLE
            self.all.add(self.one)

    def check(self) -> None:
        assert self.one.state in State
        assert self.one.state is not State.IDLE or self.one.deadline() is None


class _Client(_Authorized):
    def __init__(self, kind: int) -> None:
        super().__init__()
        self.all = Sessions()
        self.one = ClientSession(SESSION, realm="home.example", user_name="bob", stateless=bool(kind & 1))
        self.all.add(self.one)

    def wish(self, step: int) -> None:
        causes = tuple(Cause)
        wishes = (
            lambda: self.one.request_access(self.now),
            lambda: self.one.end_service(self.now, causes[step // 4 % len(causes)]),
            lambda: self.one.failed(self.now),
        )
        self._fed(wishes[step % 3]())

    def take(self, message: Message, step: int) -> None:
        willing = bool(step & 1)
        match message.command:
            case "Re-Auth-Request":
                outputs = self.one.asked_again(message, self.now, willing=willing)
            case "Abort-Session-Request":
                outputs = self.one.aborted(message, self.now, willing=willing)
            case "Session-Termination-Answer":
                outputs = self.one.terminated(message, self.now)
            case _ if message.request:
                return
            case _:
                outputs = self.one.answered(message, self.now, provide=willing)
        self._fed(outputs)

    def end(self) -> None:
        self._fed(self.one.end_service(self.now))
        for _ in range(3):
            self._fed(self.one.failed(self.now))
        assert self.one.state is State.IDLE


class _Server(_Authorized):
    def __init__(self, kind: int) -> None:
        super().__init__()
        self.all: ServerSessions = ServerSessions()
        self.stateless = bool(kind & 1)
        self.one = self._made(request())

    def _made(self, first: Message) -> ServerSession:
        one = ServerSession(first, stateless=self.stateless)
        if one.session_id == SESSION:
            self.all.add(one)
            self.one = one
        return one

    def wish(self, step: int) -> None:
        one, now = self.one, self.now
        wishes = (one.confirm, one.abort, one.confirm_failed, one.abort_failed, one.refused)
        self._fed(wishes[step % len(wishes)](now))

    def take(self, message: Message, step: int) -> None:
        match message.command:
            case "Access-Request":
                self._asked(message, TERMS[step % len(TERMS)])
            case "Re-Auth-Answer":
                self._fed(self.one.confirmed(message, self.now))
            case "Abort-Session-Answer":
                self._fed(self.one.abort_answered(message, self.now))
            case "Session-Termination-Request":
                self._fed(self.one.terminated(message, self.now))

    def _asked(self, message: Message, terms: Terms) -> None:
        for _, outputs in self.all.heard(message["Origin-Host"], message.get("Origin-State-Id", 0), self.now):
            self.carried_out(outputs)
        self._revive()
        if self.one.state is State.IDLE and message["Session-Id"] == SESSION:
            self.all.fed(self.one, (End(reason="made anew"),))
            self._made(message)
        self._fed(self.one.authorized(message, terms, self.now))

    def end(self) -> None:
        self._fed(self.one.terminated(_received(encode(request("Session-Termination"))), self.now))
        assert self.one.state is State.IDLE


class _AccountingClient(_Side):
    def __init__(self, kind: int) -> None:
        super().__init__()
        self.store = Storage(LIMIT)
        if kind & 1:
            self.store.store(Record(session_id=SESSION, kind=RecordType.START, number=7))
        self.one = AccountingClient(
            SESSION, realm="home.example", storage=self.store, uniform=lambda low, high: low if kind & 2 else high,
            sub_session=9 if kind & 4 else None,
        )  # fmt: skip

    def deadline(self) -> float | None:
        return self.one.deadline()

    def wait(self, seconds: float) -> None:
        """Records go out as often as the server said: one a second at most, so not for years here."""
        super().wait(min(seconds, 32.0))

    def expire(self) -> None:
        self.carried_out(self.one.expire(self.now))

    def wish(self, step: int) -> None:
        one = self.one
        wishes = (one.begin, one.event, one.interim, one.end, one.drain, one.failed)
        self.carried_out(wishes[step % len(wishes)](self.now))

    def take(self, message: Message, step: int) -> None:
        if message.request:
            return
        if message.command == "Accounting-Answer":
            self.carried_out(self.one.answered(message, self.now))
        else:
            self.one.obey(message)

    def check(self) -> None:
        assert self.one.state in AccountingState
        assert len(self.store) <= LIMIT
        assert self.one.realtime in Realtime
        assert self.one.interim_s >= 0
        due = self.one.deadline()
        assert due is None or self.one.state is not AccountingState.IDLE

    def end(self) -> None:
        self.carried_out(self.one.end(self.now))
        for _ in range(3):
            self.carried_out(self.one.failed(self.now))
        assert self.one.state is AccountingState.IDLE


class _AccountingServer(_Side):
    def __init__(self, kind: int) -> None:
        super().__init__()
        self.one = AccountingServer(
            stateful=bool(kind & 1), interim_s=(None, 0, 60)[kind >> 1 & 1], ts_s=30.0 if kind & 4 else None,
            realtime=Realtime.GRANT_AND_LOSE if kind & 8 else None, remembered=4,
        )  # fmt: skip

    def deadline(self) -> float | None:
        return self.one.deadline()

    def expire(self) -> None:
        assert self.one.expire(self.now)

    def wish(self, step: int) -> None:
        """It has none."""

    def take(self, message: Message, step: int) -> None:
        if message.command != "Accounting-Request":
            return
        taken = self.one.received(message, self.now, space=bool(step & 1))
        assert decode(encode(taken.answer), dictionary()).result == taken.answer.result
        assert not taken.keep or taken.answer.result == (0, 2001)

    def check(self) -> None:
        assert len(self.one._seen) <= 4

    def end(self) -> None:
        self.wait(60.0)


if __name__ == "__main__":
    drive(oracle, "-max_len=256")
