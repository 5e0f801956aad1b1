"""An authorization session as the server sees it: sections 8.1 and 8.3 to 8.6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from diameter.errors import ResultCode
from diameter.message import Message
from diameter.session.authorization import ServerAction, ServerInput, State, step_server
from diameter.session.outputs import Continue, End, Output, Outputs, Reply, Respond, Send
from diameter.session.terms import NO_STATE_MAINTAINED, Terms, succeeded, undelivered

RESEND_S: Final = 30.0
"""How long a server waits before an ASR that could not be delivered is sent again."""

_I, _A = ServerInput, ServerAction


class ServerSession:
    """One session.  Public: `session_id`, `client` (its Origin-Host), `origin_state_id` (of the client, 0 unknown),
    `state`, `stateless`, `terms`.
    """

    def __init__(self, request: Message, *, stateless: bool = False, resend_s: float = RESEND_S) -> None:
        """`request`: the first service-specific request.  `stateless`: the server keeps no state, as the client
        hinted or because it never does.
        """
        self.session_id = request.text("Session-Id")
        self.client = request.text("Origin-Host")
        self.origin_state_id: int = request.get("Origin-State-Id", 0)
        self.state = State.IDLE
        self.stateless = stateless
        self.terms = Terms()
        self._realm = request.text("Origin-Realm")
        self._user_name: str = request.get("User-Name", "")
        self._resend_s = resend_s
        self._due: dict[ServerInput, float] = {}
        self._resend_at: float | None = None

    # ---- service-specific requests

    def authorized(self, request: Message, terms: Terms, now: float) -> Outputs:
        """The user is authorized, on these terms or what the client's hints make of them.

        The `Respond` carries the AVPs of the terms.  Raises ValueError for terms that contradict themselves.
        """
        if self.stateless:
            return self._feed(_I.PROCESSED, now)
        granted = terms.within(request)
        granted.check()
        if self.state is not State.DISCON:
            self.terms = granted
            self._arm(now)
        return self._feed(_I.AUTHORIZED, now)

    def refused(self, now: float) -> Outputs:
        """The user is not authorized."""
        return self._feed(_I.NOT_PROCESSED if self.stateless else _I.NOT_AUTHORIZED, now, "not authorized")

    # ---- the server's own wishes

    def confirm(self, now: float) -> Outputs:
        """Ask the client to authorize again (section 8.3)."""
        return self._feed(_I.CONFIRM, now)

    def abort(self, now: float) -> Outputs:
        """Ask the client to end the service (section 8.5)."""
        return self._feed(_I.TERMINATE, now)

    # ---- from the client

    def confirmed(self, raa: Message, now: float) -> Outputs:
        """The RAA."""
        if undelivered(raa):
            return self.confirm_failed(now)
        return self._feed(_I.RAA_SUCCESS if succeeded(raa) else _I.RAA_FAILED, now, "re-authorization refused")

    def confirm_failed(self, now: float) -> Outputs:
        """The RAR could not be delivered, or was not answered."""
        return self._feed(_I.RAR_UNSENT, now)

    def abort_answered(self, asa: Message, now: float) -> Outputs:
        """The ASA; that of a busy client counts as an ASR not sent."""
        return self.abort_failed(now) if undelivered(asa) else self._feed(_I.ASA, now, "aborted")

    def abort_failed(self, now: float) -> Outputs:
        """The ASR could not be delivered, or was not answered; it goes again after `resend_s`."""
        return self._feed(_I.ASR_UNSENT, now)

    def terminated(self, request: Message, now: float) -> Outputs:
        """The STR (section 8.4)."""
        return self._feed(_I.STR, now, "terminated by the client", request)

    def restarted(self, now: float) -> Outputs:
        """The client has lost its state (section 8.6)."""
        return self._feed(_I.RESTARTED, now, "the client has restarted")

    # ---- time

    def deadline(self) -> float | None:
        """When `expire` has something to do; None for never."""
        times = [*self._due.values(), *(() if self._resend_at is None else (self._resend_at,))]
        return min(times, default=None)

    def expire(self, now: float) -> Outputs:
        """A timer may be over; nothing happens before its time."""
        for event in (_I.SESSION_TIMEOUT, _I.AUTHORIZATION_EXPIRES):
            if self._due.get(event, now + 1) <= now:
                return self._feed(event, now, event.value)
        if self._resend_at is not None and self._resend_at <= now:
            self._resend_at = None
            return (self._request("Abort-Session"),)
        return ()

    # ---- inside

    def _arm(self, now: float) -> None:
        self._due.clear()
        if self.terms.timeout_s is not None:
            self._due[_I.SESSION_TIMEOUT] = now + self.terms.timeout_s
        if self.terms.expires_s:
            self._due[_I.AUTHORIZATION_EXPIRES] = now + self.terms.expires_s

    def _feed(self, event: ServerInput, now: float, reason: str = "", request: Message | None = None) -> Outputs:
        found = step_server(self.state, event, stateless=self.stateless)
        if found is None:
            return ()
        actions, self.state = found
        if self.state is State.IDLE:
            self._due.clear()
            self._resend_at = None
        outputs = (self._carry_out(action, now, reason, request) for action in actions)
        return tuple(each for each in outputs if each is not None)

    def _carry_out(self, action: ServerAction, now: float, reason: str, request: Message | None) -> Output | None:
        match action:
            case _A.SEND_SUCCESS:
                return Respond(success=True, avps={"Auth-Session-State": 0, **self.terms.avps()})
            case _A.SEND_ANSWER:
                return Respond(success=True, avps={"Auth-Session-State": NO_STATE_MAINTAINED})
            case _A.SEND_FAILURE:
                return Respond(success=False)
            case _A.SEND_RAR:
                return self._request("Re-Auth", {"Re-Auth-Request-Type": int(self.terms.reauthenticate)})
            case _A.SEND_ASR:
                return self._request("Abort-Session")
            case _A.WAIT_AND_RESEND:
                self._resend_at = now + self._resend_s
                return None
            case _A.SEND_STA | _A.SEND_STA_UNKNOWN:
                known = action is _A.SEND_STA
                code = ResultCode.SUCCESS if known else ResultCode.UNKNOWN_SESSION_ID
                return None if request is None else Reply(request.answer(int(code)))
            case _A.UPDATE:
                return Continue()
            case _A.CLEAN_UP:
                return End(reason=reason)

    def _request(self, command: str, avps: Mapping[str, Any] | None = None) -> Send:
        user = {"User-Name": self._user_name} if self._user_name else {}
        filled = {"Session-Id": self.session_id, **(avps or {}), **user}
        return Send(command=command, avps=filled, to=self.client, realm=self._realm)
