"""Sessions between two nodes: access, re-authorization, abort and accounting over the wire, a day of it in no time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from diameter import Message
from diameter.app import Application, answers
from diameter.errors import RequestError, ResultCode
from diameter.routing.identifiers import SessionIds
from diameter.session import (
    AccountingClient,
    AccountingServer,
    ClientSession,
    Continue,
    End,
    Outputs,
    Reply,
    Respond,
    Send,
    ServerSession,
    ServerSessions,
    Sessions,
    Start,
    Storage,
    Terms,
)
from diameter.testing import Pair
from helpers.sessions import dictionary

REALM = "example.org"


class Access(Application):
    """The client: carries out what its sessions want."""

    dictionary = "access"

    def __init__(self) -> None:
        self.ids = SessionIds(Pair.LEFT, 1_700_000_000.0)
        self.sessions: Sessions[ClientSession] = Sessions()
        self.said: list[str] = []
        self.clock: Any = None

    async def carry_out(self, session: ClientSession, outputs: Outputs) -> None:
        for output in self.sessions.fed(session, outputs):
            self.said.append(output.command or "Access" if isinstance(output, Send) else type(output).__name__)
            if isinstance(output, Send):
                await self.carry_out(session, await self.send(session, output))

    async def send(self, session: ClientSession, output: Send) -> Outputs:
        try:
            answer = await self.request(output.command or "Access", output.avps, to=output.to, realm=output.realm)
        except RequestError:
            return session.failed(self.clock.seconds())
        back = session.terminated if output.command else session.answered
        return back(answer, self.clock.seconds())

    async def expire(self) -> None:
        for session, outputs in self.sessions.expire(self.clock.seconds()):
            await self.carry_out(session, outputs)

    def obey(self, request: Message, method: str) -> Message:
        session = self.sessions.find(request)
        if session is None:
            return self.sessions.unknown(request)
        reply, *rest = getattr(session, method)(request, self.clock.seconds())
        assert isinstance(reply, Reply)
        _ = self.spawn(self.carry_out(session, tuple(rest)))
        return reply.answer

    @answers("Abort-Session-Request")
    def abort(self, request: Message) -> Message:
        return self.obey(request, "aborted")

    @answers("Re-Auth-Request")
    def again(self, request: Message) -> Message:
        return self.obey(request, "asked_again")


class Home(Application):
    """The server."""

    dictionary = "access"

    def __init__(self) -> None:
        self.sessions = ServerSessions()
        self.ended: list[str] = []
        self.terms = Terms(lifetime_s=3600, grace_s=60)
        self.clock: Any = None

    def fed(self, session: ServerSession, outputs: Outputs) -> Outputs:
        self.ended += [each.reason for each in self.sessions.fed(session, outputs) if isinstance(each, End)]
        return outputs

    @answers("Access-Request")
    def access(self, request: Message) -> Message:
        session = self.sessions.find(request)
        if session is None:
            session = ServerSession(request)
            self.sessions.add(session)
        respond, *_ = self.fed(session, session.authorized(request, self.terms, self.clock.seconds()))
        assert isinstance(respond, Respond)
        code = ResultCode.SUCCESS if respond.success else ResultCode.AUTHORIZATION_REJECTED
        return request.answer(code, {**respond.avps})

    @answers("Session-Termination-Request")
    def terminate(self, request: Message) -> Message:
        session = self.sessions.find(request)
        if session is None:
            return self.sessions.unknown(request)
        reply, *_ = self.fed(session, session.terminated(request, self.clock.seconds()))
        assert isinstance(reply, Reply)
        return reply.answer

    async def ask(self, session: ServerSession, method: str) -> Outputs:
        (send,) = getattr(session, method)(self.clock.seconds())
        answer = await self.request(send.command, send.avps, to=send.to, realm=send.realm)
        back = session.abort_answered if method == "abort" else session.confirmed
        return self.fed(session, back(answer, self.clock.seconds()))


class Ledger(Application):
    """The accounting server."""

    dictionary = "Accounting"

    def __init__(self) -> None:
        self.server = AccountingServer(stateful=True, interim_s=900)
        self.kept: list[tuple[int, int]] = []
        self.clock: Any = None

    @answers("Accounting-Request")
    def account(self, request: Message) -> Message:
        taken = self.server.received(request, self.clock.seconds())
        if taken.keep:
            self.kept.append((request["Accounting-Record-Type"], request["Accounting-Record-Number"]))
        return taken.answer


class Meter(Application):
    """The accounting client."""

    dictionary = "Accounting"


class Site:
    """Both nodes, open, and one session of the client's."""

    def __init__(self) -> None:
        self.home, self.ledger, self.access, self.meter = Home(), Ledger(), Access(), Meter()
        self.pair = Pair([self.home, self.ledger], [self.access, self.meter], dictionary())
        self.pair.open()
        self.home.clock = self.ledger.clock = self.access.clock = self.pair.clock
        self.session = ClientSession(self.access.ids.next(), realm=REALM, user_name="bob")
        self.access.sessions.add(self.session)

    @property
    def now(self) -> float:
        return self.pair.clock.seconds()

    def attach(self) -> None:
        self.pair.run(self.access.carry_out(self.session, self.session.request_access(self.now)))

    def served(self) -> ServerSession:
        (session,) = self.home.sessions
        return session


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.pair.close()


def test_a_session_from_access_to_its_end(site: Site) -> None:
    site.attach()
    assert len(site.home.sessions) == 1
    site.pair.run(site.access.carry_out(site.session, site.session.end_service(site.now)))
    assert site.access.said == ["Access", "Start", "Session-Termination", "End"]
    assert site.home.ended == ["terminated by the client"]
    assert len(site.home.sessions) == len(site.access.sessions) == 0


def test_a_day_of_re_authorizations(site: Site) -> None:
    site.attach()
    for hour in range(24):
        due = site.access.sessions.deadline()
        assert due is not None
        assert site.home.sessions.expire(due) == []
        site.pair.clock.advance(0)
        site.pair.clock.rightNow = due
        site.pair.run(site.access.expire())
        assert len(site.home.sessions) == 1, hour
    assert site.access.said == ["Access", "Start", *["Access", "Continue"] * 24]
    last = site.home.sessions.deadline()
    assert last is not None
    ((_, outputs),) = site.home.sessions.expire(last)  # the client is silent from here on
    assert [type(each) for each in outputs] == [End]


def test_the_server_asks_again_and_then_ends_it(site: Site) -> None:
    site.attach()
    session = site.served()
    assert site.pair.run(site.home.ask(session, "confirm")) == (Continue(),)
    site.pair.run(site.home.ask(session, "abort"))
    site.pair.clock.advance(1)
    site.pair.clock.advance(1)
    assert site.access.said == ["Access", "Start", "Access", "Continue", "Session-Termination", "End"]
    assert site.home.ended in (["aborted"], ["terminated by the client"])


def test_a_session_the_client_does_not_know_is_answered_5002(site: Site) -> None:
    site.attach()
    session = site.served()
    lost = site.access.sessions.fed(site.session, (End(reason="crash"),))
    assert lost
    assert site.pair.run(site.home.ask(session, "abort")) == (End(reason="aborted"),)


def test_accounting_over_the_wire(site: Site) -> None:
    account = AccountingClient(
        site.access.ids.next(), realm=REALM, storage=Storage(10), uniform=lambda low, high: (low + high) / 2
    )

    def deliver(outputs: Outputs) -> Outputs:
        (send,) = outputs
        assert isinstance(send, Send)
        answer = site.pair.run(site.meter.request(send.command, send.avps, to=send.to, realm=send.realm))
        return account.answered(answer, site.now)

    assert deliver(account.begin(site.now)) == (Start(),)
    for _ in range(3):
        due = account.deadline()
        assert due is not None
        assert not site.ledger.server.expire(due)
        site.pair.clock.rightNow = due
        deliver(account.expire(due))
    assert deliver(account.end(site.now)) == (End(reason="accounted for"),)
    assert site.ledger.kept == [(2, 0), (3, 1), (3, 2), (3, 3), (4, 4)]
    assert site.ledger.server.open == {}
