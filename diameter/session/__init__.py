"""User sessions, RFC 6733 sections 8 and 9, without I/O: opt-in parts for applications that keep session state.

Most 3GPP applications do not: their requests carry NO_STATE_MAINTAINED, every exchange is a session of its own, and
nothing here is needed.  An application that does keep state (credit control, Rx, NASREQ) puts a session between its
commands and its logic.  Time comes in as `now`, what is to be done comes out as values (`outputs`), in order.

A client, with one coroutine that carries out what its session wants:

    class Access(Application):
        dictionary = "rfc8506_credit_control"
        sessions: Sessions[ClientSession] = Sessions()

        async def attach(self, user: str, now: float) -> None:
            session = ClientSession(self.ids.next(), realm="home.example", user_name=user)
            self.sessions.add(session)
            await self.carry_out(session, session.request_access(now))

        async def carry_out(self, session: ClientSession, outputs: Outputs) -> None:
            for output in self.sessions.fed(session, outputs):
                match output:
                    case Send(command=""):                       # ours to complete: the service-specific request
                        avps = {**output.avps, **self.service(session)}
                        answer = await self.request("Credit-Control", avps, to=output.to, realm=output.realm)
                        await self.carry_out(session, session.answered(answer, self.now()))
                    case Send():                                 # Session-Termination
                        answer = await self.request(output.command, output.avps, to=output.to, realm=output.realm)
                        await self.carry_out(session, session.terminated(answer, self.now()))
                    case Start() | Continue() | End(): ...       # open and close the gate

        @answers("Abort-Session-Request")
        def abort(self, request: Message) -> Message:
            session = self.sessions.find(request)
            if session is None:
                return self.sessions.unknown(request)
            reply, *rest = session.aborted(request, self.now())
            self.spawn(self.carry_out(session, tuple(rest)))
            return reply.answer

A request that fails (RequestError) goes back as `session.failed(now)`.  Whoever owns a clock calls
`sessions.expire(now)` at `sessions.deadline()` and carries out what it returns.

* `authorization`: the four tables of section 8.1; `client`, `server`: one session of each side, `terms`: what is
  granted; `sessions`: many of them, and the inference from Origin-State-Id.
* `accounting`: the three tables of section 8.2; `accounting_client`, `accounting_server`, `records`.

Session-Ids come from `diameter.routing.identifiers.SessionIds`.
"""

from diameter.session.accounting_client import AccountingClient
from diameter.session.accounting_server import AccountingServer, Taken
from diameter.session.client import ClientSession
from diameter.session.outputs import Continue, End, Output, Outputs, Prompt, Reply, Respond, Send, Start
from diameter.session.records import Record, Storage
from diameter.session.server import ServerSession
from diameter.session.sessions import ServerSessions, Sessions
from diameter.session.terms import Binding, Cause, Failover, Terms

__all__ = [
    "AccountingClient",
    "AccountingServer",
    "Binding",
    "Cause",
    "ClientSession",
    "Continue",
    "End",
    "Failover",
    "Output",
    "Outputs",
    "Prompt",
    "Record",
    "Reply",
    "Respond",
    "Send",
    "ServerSession",
    "ServerSessions",
    "Sessions",
    "Start",
    "Storage",
    "Taken",
    "Terms",
]
