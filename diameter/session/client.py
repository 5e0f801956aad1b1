"""An authorization session as the client (the access device) sees it: sections 8.1 and 8.3 to 8.20."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from diameter.errors import RemoteFault, ResultCode
from diameter.message import Message
from diameter.session.authorization import ClientAction, ClientInput, State, step_client
from diameter.session.outputs import Continue, End, Output, Outputs, Prompt, Reply, Send, Start
from diameter.session.terms import (
    NO_STATE_MAINTAINED,
    Binding,
    Cause,
    Failover,
    Terms,
    is_stateless,
    of_message,
    succeeded,
    undelivered,
)

CLASS_LIMIT: Final = 4096
"""Octets of all Class AVPs of one session (section 8.20)."""
EARLY: Final = 0.9
"""Fraction of an Authorization-Lifetime without grace period after which the client asks again: the server releases
the session at its end.
"""

_I, _A = ClientInput, ClientAction
CAUSES: Final[Mapping[ClientInput, Cause]] = {
    _I.NOT_PROVIDED: Cause.SERVICE_NOT_PROVIDED,
    _I.UNUSABLE: Cause.BAD_ANSWER,
    _I.SESSION_TIMEOUT: Cause.SESSION_TIMEOUT,
    _I.AUTHORIZATION_EXPIRES: Cause.AUTH_EXPIRED,
    _I.ASR_WILLING: Cause.ADMINISTRATIVE,
    _I.ROUND_EXPIRES: Cause.AUTH_EXPIRED,
}
REPLIES: Final[Mapping[ClientAction, ResultCode]] = {
    _A.SEND_ASA_UNKNOWN: ResultCode.UNKNOWN_SESSION_ID,
    _A.SEND_RAA_UNKNOWN: ResultCode.UNKNOWN_SESSION_ID,
    _A.SEND_ASA_SUCCESS: ResultCode.SUCCESS,
    _A.SEND_RAA_SUCCESS: ResultCode.SUCCESS,
    _A.SEND_ASA_FAILURE: ResultCode.UNABLE_TO_COMPLY,
    _A.SEND_RAA_FAILURE: ResultCode.UNABLE_TO_COMPLY,
}
"""What answers an ASR or RAR in each action (section 8.5.2)."""


class ClientSession:
    """One session.  Public: `session_id`, `state`, `stateless` (what the server's first answer said), `terms`.

    Every input returns what has to be carried out.  An input that means nothing in this state returns nothing.
    """

    def __init__(
        self, session_id: str, *, realm: str, user_name: str = "", stateless: bool = False, early: float = EARLY
    ) -> None:
        """`realm`: where the authorization server is.  `stateless`: hint to the server that no STR will come."""
        self.session_id = session_id
        self.state = State.IDLE
        self.stateless = stateless
        self.terms = Terms()
        self._hint = stateless
        self._early = early
        self._user_name = user_name
        self._realm = realm
        self._server: str | None = None
        self._binding = Binding(0)
        self._failover = Failover.REFUSE_SERVICE
        self._classes: tuple[bytes, ...] = ()
        self._forgone = False
        self._named = False
        self._cause = Cause.LOGOUT
        self._due: dict[ClientInput, float] = {}

    # ---- from the user and the application

    def request_access(self, now: float) -> Outputs:
        """The user wants the service, or wants it again; also the next round of an authentication."""
        return self._feed(_I.REQUESTS_ACCESS, now)

    def end_service(self, now: float, cause: Cause = Cause.LOGOUT) -> Outputs:
        """The service has ended here: logoff, administration, shut-down, or accounting that ends it."""
        self._cause = cause
        return self._feed(_I.SERVICE_ENDS, now)

    # ---- from the server

    def answered(self, answer: Message, now: float, *, provide: bool = True) -> Outputs:
        """The service-specific answer; `provide` False: it is a success, but the service will not be given."""
        if self.state not in (State.PENDING, State.OPEN):
            return ()  # it comes too late
        if undelivered(answer):
            return self.failed(now)
        result = answer.result
        if result == (0, ResultCode.MULTI_ROUND_AUTH):
            return self._next_round(answer, now)
        if not succeeded(answer):
            return self._feed(_I.REFUSED, now, f"refused with {result[1] if result else 'no result'}")
        if self.state is State.PENDING:
            self.stateless = is_stateless(answer)
        try:
            self._learn(answer)
        except (ValueError, RemoteFault) as error:
            return self._feed(_I.UNUSABLE, now, str(error))
        if self._forgone or not provide:
            return self._feed(_I.NOT_PROVIDED, now, "service not provided")
        self._arm(now)
        return self._feed(_I.GRANTED_STATELESS if is_stateless(answer) else _I.GRANTED, now)

    def failed(self, now: float) -> Outputs:
        """The authorization request, or the STR, could not be delivered or was not answered."""
        reason = "no answer"
        if self._failover.again and self._named:
            return self._feed(_I.UNSENT_TRY_AGAIN, now, reason)
        return self._feed(_I.UNSENT_ALLOWED if self._failover.allows else _I.UNSENT, now, reason)

    def terminated(self, sta: Message, now: float) -> Outputs:
        """The STA has come, whatever its Result-Code; that of a busy server counts as an STR not sent."""
        return self.failed(now) if undelivered(sta) else self._feed(_I.STA, now, "terminated")

    def asked_again(self, rar: Message, now: float, *, willing: bool = True) -> Outputs:
        """A RAR for this session; `willing`: re-authorization will follow (section 8.3)."""
        if self.state is State.IDLE:
            return self._feed(_I.RAR_UNKNOWN, now, request=rar)
        found = self._feed(_I.RAR_WILLING if willing else _I.RAR_UNWILLING, now, "re-authorization refused", rar)
        if self.state is State.OPEN and willing and not self.stateless:
            found += self._feed(_I.REQUESTS_ACCESS, now)  # section 8.3.2: a successful RAA is followed by a request
        return found

    def aborted(self, asr: Message, now: float, *, willing: bool = True) -> Outputs:
        """An ASR for this session; `willing`: the service will be ended (section 8.5)."""
        if self.state is State.IDLE:
            return self._feed(_I.ASR_UNKNOWN, now, request=asr)
        if self.state is State.OPEN:
            return self._feed(_I.ASR_WILLING if willing else _I.ASR_UNWILLING, now, request=asr)
        return self._feed(_I.ASR, now, request=asr)

    # ---- time

    def deadline(self) -> float | None:
        """When `expire` has something to do; None for never."""
        return min(self._due.values(), default=None)

    def expire(self, now: float) -> Outputs:
        """A timer may be over; nothing happens before its time.  The end of the session comes before a new request."""
        for event in (_I.SESSION_TIMEOUT, _I.AUTHORIZATION_EXPIRES, _I.ROUND_EXPIRES, _I.REQUESTS_ACCESS):
            if self._due.get(event, now + 1) <= now:
                del self._due[event]
                return self._feed(event, now, event.value)
        return ()

    # ---- inside

    def _learn(self, answer: Message) -> None:
        """Take over what the answer says.  Raises ValueError or RemoteFault for what cannot be complied with."""
        self._server = answer.get("Origin-Host", self._server)
        self._realm = answer.get("Origin-Realm", self._realm)
        self._binding = Binding(answer.get("Session-Binding", self._binding) & 7)
        failover = answer.get("Session-Server-Failover")
        if failover is not None:
            self._failover = Failover(failover)
        classes = answer.all("Class")
        if classes:
            self._classes = classes
        if sum(map(len, self._classes)) > CLASS_LIMIT:
            raise ValueError(f"Class AVPs of more than {CLASS_LIMIT} octets")
        terms = of_message(answer)
        terms.check()
        self.terms = terms

    def _next_round(self, answer: Message, now: float) -> Outputs:
        self._server = answer.get("Origin-Host", self._server)
        within_s = answer.get("Multi-Round-Time-Out")
        self._due.pop(_I.REQUESTS_ACCESS, None)
        if within_s is not None:
            self._due[_I.ROUND_EXPIRES] = now + within_s
        return tuple(
            Prompt(within_s=within_s) if isinstance(each, Prompt) else each for each in self._feed(_I.MULTI_ROUND, now)
        )

    def _arm(self, now: float) -> None:
        terms, due = self.terms, self._due
        due.clear()
        if terms.timeout_s is not None:
            due[_I.SESSION_TIMEOUT] = now + terms.timeout_s
        if terms.expires_s:  # a lifetime of 0 asks for a request at once, and that one's failure ends the session
            due[_I.AUTHORIZATION_EXPIRES] = now + terms.expires_s
        if terms.lifetime_s is not None and not self.stateless:
            due[_I.REQUESTS_ACCESS] = now + terms.lifetime_s * (1 if terms.grace_s else self._early)

    def _feed(self, event: ClientInput, now: float, reason: str = "", request: Message | None = None) -> Outputs:
        found = step_client(self.state, event, stateless=self.stateless)
        if found is None:
            return ()
        actions, after = found
        self._cause = CAUSES.get(event, self._cause)
        if event is _I.REQUESTS_ACCESS:
            self._due.pop(_I.ROUND_EXPIRES, None)
            self._due.pop(_I.REQUESTS_ACCESS, None)
        if after in (State.IDLE, State.DISCON):
            self._due.clear()
        self.state = after
        outputs = (self._carry_out(action, reason or event.value, request) for action in actions)
        return tuple(each for each in outputs if each is not None)

    def _carry_out(self, action: ClientAction, reason: str, request: Message | None) -> Output | None:
        code = REPLIES.get(action)
        if code is not None:
            return None if request is None else Reply(request.answer(int(code)))
        return _DO[action](self, reason)

    def _forgo(self, _reason: str) -> None:
        self._forgone = True

    def _authorize(self, _reason: str, *, named: bool = True) -> Send:
        avps: dict[str, Any] = {"Session-Id": self.session_id, **self._user()}
        if self.state is State.PENDING and self._hint:
            avps["Auth-Session-State"] = NO_STATE_MAINTAINED
        return self._send("", avps, named and not self._binding & Binding.RE_AUTH)

    def _terminate(self, _reason: str, *, named: bool = True) -> Send:
        avps = {"Session-Id": self.session_id, "Termination-Cause": int(self._cause), **self._user()}
        return self._send("Session-Termination", avps, named and not self._binding & Binding.STR)

    def _resend(self, reason: str) -> Send:
        again = self._terminate if self.state is State.DISCON else self._authorize
        return again(reason, named=False)

    def _user(self) -> dict[str, Any]:
        found: dict[str, Any] = {"User-Name": self._user_name} if self._user_name else {}
        return {**found, **({"Class": self._classes} if self._classes else {})}

    def _send(self, command: str, avps: Mapping[str, Any], named: bool) -> Send:
        to = self._server if named else None
        self._named = to is not None
        return Send(command=command, avps=avps, to=to, realm=self._realm)


_DO: Final[Mapping[ClientAction, Callable[[ClientSession, str], Output | None]]] = {
    _A.SEND_REQUEST: ClientSession._authorize,
    _A.SEND_STR: ClientSession._terminate,
    _A.RESEND: ClientSession._resend,
    _A.FORGO: ClientSession._forgo,
    _A.GRANT: lambda _session, _reason: Start(),
    _A.PROVIDE: lambda _session, _reason: Continue(),
    _A.PROMPT: lambda _session, _reason: Prompt(within_s=None),
    _A.CLEAN_UP: lambda _session, reason: End(reason=reason),
    _A.DISCONNECT: lambda _session, reason: End(reason=reason, disconnect=True),
}
