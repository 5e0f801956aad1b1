"""The four authorization session state machines, RFC 6733 section 8.1, as tables.

`CLIENT_STATEFUL` to `SERVER_STATELESS` are the RFC's, row by row, in its order; rows of "Any" and "Not Discon" are
written out for each state.  Each has a table `..._OURS` with the pairs the RFC is silent on and that happen all the
same; each says why.  A pair in neither is the error condition of section 8.1: the step is None, nothing changes, and
whoever asked gets an answer.  The machines know no message and no clock: `client.py` and `server.py` do.

A client does not know before the first answer whether the server keeps state.  Both client tables agree in Idle and
in Pending; the Auth-Session-State of that answer is part of the input, and says which table holds from Open on.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final


class State(Enum):
    """States of section 8.1, spelt as the RFC spells them."""

    IDLE = "Idle"
    PENDING = "Pending"
    OPEN = "Open"
    DISCON = "Discon"


class ClientInput(Enum):
    """Events of the client tables, with the conditions their rows test, then those of our rows."""

    REQUESTS_ACCESS = "Client or device requests access"
    ASR_UNKNOWN = "ASR received for unknown session"
    RAR_UNKNOWN = "RAR received for unknown session"
    GRANTED = "Successful answer, default Auth-Session-State"
    GRANTED_STATELESS = "Successful answer, NO_STATE_MAINTAINED"
    NOT_PROVIDED = "Successful answer, service not provided"
    UNUSABLE = "Error processing successful answer"
    REFUSED = "Failed answer"
    RAR_WILLING = "RAR received, will re-auth"
    RAR_UNWILLING = "RAR received, will not re-auth"
    SESSION_TIMEOUT = "Session-Timeout expires"
    ASR_WILLING = "ASR received, will comply"
    ASR_UNWILLING = "ASR received, will not comply"
    AUTHORIZATION_EXPIRES = "Authorization-Lifetime + Auth-Grace-Period expires"
    ASR = "ASR received"
    STA = "STA received"
    SERVICE_ENDS = "Service to user is terminated"
    MULTI_ROUND = "Answer with DIAMETER_MULTI_ROUND_AUTH"
    ROUND_EXPIRES = "Multi-Round-Time-Out expires"
    UNSENT = "Failure to send, service refused"
    UNSENT_TRY_AGAIN = "Failure to send, another try allowed"
    UNSENT_ALLOWED = "Failure to send, service allowed"


class ClientAction(Enum):
    """Actions of the client tables."""

    SEND_REQUEST = "Send service-specific auth req"
    SEND_ASA_UNKNOWN = "Send ASA with UNKNOWN_SESSION_ID"
    SEND_RAA_UNKNOWN = "Send RAA with UNKNOWN_SESSION_ID"
    GRANT = "Grant access"
    SEND_STR = "Send STR"
    CLEAN_UP = "Clean up"
    PROVIDE = "Provide service"
    DISCONNECT = "Discon. user/device"
    SEND_RAA_SUCCESS = "Send RAA with SUCCESS"
    SEND_RAA_FAILURE = "Send RAA with failure"
    SEND_ASA_SUCCESS = "Send ASA with SUCCESS"
    SEND_ASA_FAILURE = "Send ASA with failure"
    PROMPT = "Ask the user for the next round"
    FORGO = "Provide no service whatever the answer says"
    RESEND = "Send again without Destination-Host"


class ServerInput(Enum):
    """Events of the server tables, then those of our rows."""

    AUTHORIZED = "Request received, user is authorized"
    NOT_AUTHORIZED = "Request received, user is not authorized"
    CONFIRM = "Home server wants to confirm"
    RAA_FAILED = "Received RAA with a failed Result-Code"
    RAA_SUCCESS = "Received RAA with SUCCESS"
    TERMINATE = "Home server wants to terminate the service"
    AUTHORIZATION_EXPIRES = "Authorization-Lifetime (and Auth-Grace-Period) expires"
    SESSION_TIMEOUT = "Session-Timeout expires"
    ASR_UNSENT = "Failure to send ASR"
    ASA = "ASA received"
    STR = "STR received"
    PROCESSED = "Request received and successfully processed"
    NOT_PROCESSED = "Request received and not successfully processed"
    RAR_UNSENT = "Failure to send RAR"
    RESTARTED = "Origin-State-Id of the client has grown"


class ServerAction(Enum):
    """Actions of the server tables."""

    SEND_SUCCESS = "Send successful answer"
    SEND_FAILURE = "Send failed answer"
    CLEAN_UP = "Clean up"
    SEND_RAR = "Send RAR"
    UPDATE = "Update session"
    SEND_ASR = "Send ASR"
    WAIT_AND_RESEND = "Wait, resend ASR"
    SEND_STA = "Send STA"
    SEND_ANSWER = "Send service-specific answer"
    SEND_STA_UNKNOWN = "Send STA with UNKNOWN_SESSION_ID"


ClientStep = tuple[tuple[ClientAction, ...], State]
ServerStep = tuple[tuple[ServerAction, ...], State]
ClientTable = Mapping[tuple[State, ClientInput], ClientStep]
ServerTable = Mapping[tuple[State, ServerInput], ServerStep]

_S, _C, _D, _V, _W = State, ClientInput, ClientAction, ServerInput, ServerAction

CLIENT_STATEFUL: Final[ClientTable] = MappingProxyType(
    {
        (_S.IDLE, _C.REQUESTS_ACCESS): ((_D.SEND_REQUEST,), _S.PENDING),
        (_S.IDLE, _C.ASR_UNKNOWN): ((_D.SEND_ASA_UNKNOWN,), _S.IDLE),
        (_S.IDLE, _C.RAR_UNKNOWN): ((_D.SEND_RAA_UNKNOWN,), _S.IDLE),
        (_S.PENDING, _C.GRANTED): ((_D.GRANT,), _S.OPEN),
        (_S.PENDING, _C.NOT_PROVIDED): ((_D.SEND_STR,), _S.DISCON),
        (_S.PENDING, _C.UNUSABLE): ((_D.SEND_STR,), _S.DISCON),
        (_S.PENDING, _C.REFUSED): ((_D.CLEAN_UP,), _S.IDLE),
        (_S.OPEN, _C.REQUESTS_ACCESS): ((_D.SEND_REQUEST,), _S.OPEN),
        (_S.OPEN, _C.GRANTED): ((_D.PROVIDE,), _S.OPEN),
        (_S.OPEN, _C.REFUSED): ((_D.DISCONNECT,), _S.IDLE),
        (_S.OPEN, _C.RAR_WILLING): ((_D.SEND_RAA_SUCCESS,), _S.OPEN),
        (_S.OPEN, _C.RAR_UNWILLING): ((_D.SEND_RAA_FAILURE, _D.DISCONNECT), _S.IDLE),
        (_S.OPEN, _C.SESSION_TIMEOUT): ((_D.SEND_STR,), _S.DISCON),
        (_S.OPEN, _C.ASR_WILLING): ((_D.SEND_ASA_SUCCESS, _D.SEND_STR), _S.DISCON),
        (_S.OPEN, _C.ASR_UNWILLING): ((_D.SEND_ASA_FAILURE,), _S.OPEN),
        (_S.OPEN, _C.AUTHORIZATION_EXPIRES): ((_D.SEND_STR,), _S.DISCON),
        (_S.DISCON, _C.ASR): ((_D.SEND_ASA_SUCCESS,), _S.DISCON),
        (_S.DISCON, _C.STA): ((_D.DISCONNECT,), _S.IDLE),
    }
)

SERVER_STATEFUL: Final[ServerTable] = MappingProxyType(
    {
        (_S.IDLE, _V.AUTHORIZED): ((_W.SEND_SUCCESS,), _S.OPEN),
        (_S.IDLE, _V.NOT_AUTHORIZED): ((_W.SEND_FAILURE,), _S.IDLE),
        (_S.OPEN, _V.AUTHORIZED): ((_W.SEND_SUCCESS,), _S.OPEN),
        (_S.OPEN, _V.NOT_AUTHORIZED): ((_W.SEND_FAILURE, _W.CLEAN_UP), _S.IDLE),
        (_S.OPEN, _V.CONFIRM): ((_W.SEND_RAR,), _S.PENDING),
        (_S.PENDING, _V.RAA_FAILED): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.PENDING, _V.RAA_SUCCESS): ((_W.UPDATE,), _S.OPEN),
        (_S.OPEN, _V.TERMINATE): ((_W.SEND_ASR,), _S.DISCON),
        (_S.OPEN, _V.AUTHORIZATION_EXPIRES): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.OPEN, _V.SESSION_TIMEOUT): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.DISCON, _V.ASR_UNSENT): ((_W.WAIT_AND_RESEND,), _S.DISCON),
        (_S.DISCON, _V.ASA): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.IDLE, _V.ASA): ((), _S.IDLE),
        (_S.PENDING, _V.ASA): ((), _S.PENDING),
        (_S.OPEN, _V.ASA): ((), _S.OPEN),
        (_S.IDLE, _V.STR): ((_W.SEND_STA, _W.CLEAN_UP), _S.IDLE),
        (_S.PENDING, _V.STR): ((_W.SEND_STA, _W.CLEAN_UP), _S.IDLE),
        (_S.OPEN, _V.STR): ((_W.SEND_STA, _W.CLEAN_UP), _S.IDLE),
        (_S.DISCON, _V.STR): ((_W.SEND_STA, _W.CLEAN_UP), _S.IDLE),
    }
)

CLIENT_STATELESS: Final[ClientTable] = MappingProxyType(
    {
        (_S.IDLE, _C.REQUESTS_ACCESS): ((_D.SEND_REQUEST,), _S.PENDING),
        (_S.PENDING, _C.GRANTED_STATELESS): ((_D.GRANT,), _S.OPEN),
        (_S.PENDING, _C.REFUSED): ((_D.CLEAN_UP,), _S.IDLE),
        (_S.OPEN, _C.SESSION_TIMEOUT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.OPEN, _C.SERVICE_ENDS): ((_D.DISCONNECT,), _S.IDLE),
    }
)

SERVER_STATELESS: Final[ServerTable] = MappingProxyType(
    {
        (_S.IDLE, _V.PROCESSED): ((_W.SEND_ANSWER,), _S.IDLE),
    }
)

_WAITING: Final[ClientTable] = {
    # The user leaves before the answer is there: a success is then a service not provided.
    (_S.PENDING, _C.SERVICE_ENDS): ((_D.FORGO,), _S.PENDING),
    # No answer, or a busy one: nothing was granted, so there is nothing to give back.
    (_S.PENDING, _C.UNSENT): ((_D.CLEAN_UP,), _S.IDLE),
    (_S.PENDING, _C.UNSENT_ALLOWED): ((_D.CLEAN_UP,), _S.IDLE),
    (_S.PENDING, _C.UNSENT_TRY_AGAIN): ((_D.CLEAN_UP,), _S.IDLE),
    # Authentication in rounds (section 8.19): each answer but the last asks for more of the user.
    (_S.PENDING, _C.MULTI_ROUND): ((_D.PROMPT,), _S.PENDING),
    (_S.PENDING, _C.REQUESTS_ACCESS): ((_D.SEND_REQUEST,), _S.PENDING),
    (_S.PENDING, _C.ROUND_EXPIRES): ((_D.CLEAN_UP,), _S.IDLE),
    # Section 8.5.2 has UNKNOWN_SESSION_ID for a session that is not currently active.
    (_S.PENDING, _C.ASR): ((_D.SEND_ASA_UNKNOWN,), _S.PENDING),
    (_S.PENDING, _C.RAR_UNWILLING): ((_D.SEND_RAA_UNKNOWN,), _S.PENDING),
    (_S.PENDING, _C.RAR_WILLING): ((_D.SEND_RAA_UNKNOWN,), _S.PENDING),
}

CLIENT_STATEFUL_OURS: Final[ClientTable] = MappingProxyType(
    {
        **_WAITING,
        # Section 8.4: an STR "when a user session terminates for any reason", the user's own among them.
        (_S.OPEN, _C.SERVICE_ENDS): ((_D.SEND_STR,), _S.DISCON),
        # A re-authorization whose answer is a success but cannot be used, or is for a service we do not give.
        (_S.OPEN, _C.UNUSABLE): ((_D.SEND_STR,), _S.DISCON),
        (_S.OPEN, _C.NOT_PROVIDED): ((_D.SEND_STR,), _S.DISCON),
        # Section 8: NO_STATE_MAINTAINED "MUST NOT be set in subsequent re-authorization" answers; state stays.
        (_S.OPEN, _C.GRANTED_STATELESS): ((_D.PROVIDE,), _S.OPEN),
        (_S.OPEN, _C.MULTI_ROUND): ((_D.PROMPT,), _S.OPEN),
        (_S.OPEN, _C.ROUND_EXPIRES): ((_D.SEND_STR,), _S.DISCON),
        # Section 8.18: what a re-authorization or an STR that cannot be delivered means is the server's to say.
        (_S.OPEN, _C.UNSENT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.OPEN, _C.UNSENT_TRY_AGAIN): ((_D.RESEND,), _S.OPEN),
        (_S.OPEN, _C.UNSENT_ALLOWED): ((_D.PROVIDE,), _S.OPEN),
        (_S.DISCON, _C.UNSENT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.DISCON, _C.UNSENT_TRY_AGAIN): ((_D.RESEND,), _S.DISCON),
        (_S.DISCON, _C.UNSENT_ALLOWED): ((_D.DISCONNECT,), _S.IDLE),
        # Our STR and their RAR cross: the session ends.
        (_S.DISCON, _C.RAR_WILLING): ((_D.SEND_RAA_FAILURE,), _S.DISCON),
        (_S.DISCON, _C.RAR_UNWILLING): ((_D.SEND_RAA_FAILURE,), _S.DISCON),
    }
)

CLIENT_STATELESS_OURS: Final[ClientTable] = MappingProxyType(
    {
        **_WAITING,
        # Nothing to give back where no state is kept: no STR.
        (_S.PENDING, _C.NOT_PROVIDED): ((_D.CLEAN_UP,), _S.IDLE),
        (_S.PENDING, _C.UNUSABLE): ((_D.CLEAN_UP,), _S.IDLE),
        # Section 8.9 bounds the service also where nobody re-authorizes.
        (_S.OPEN, _C.AUTHORIZATION_EXPIRES): ((_D.DISCONNECT,), _S.IDLE),
        # A server without state cannot know that there is a session; say why nothing is done.
        (_S.OPEN, _C.ASR_WILLING): ((_D.SEND_ASA_FAILURE,), _S.OPEN),
        (_S.OPEN, _C.ASR_UNWILLING): ((_D.SEND_ASA_FAILURE,), _S.OPEN),
        (_S.OPEN, _C.RAR_WILLING): ((_D.SEND_RAA_FAILURE,), _S.OPEN),
        (_S.OPEN, _C.RAR_UNWILLING): ((_D.SEND_RAA_FAILURE,), _S.OPEN),
    }
)

SERVER_STATEFUL_OURS: Final[ServerTable] = MappingProxyType(
    {
        # The re-authorization that an RAR asked for overtakes its RAA (section 8.3.2 lets it follow at once).
        (_S.PENDING, _V.AUTHORIZED): ((_W.SEND_SUCCESS,), _S.PENDING),
        (_S.PENDING, _V.NOT_AUTHORIZED): ((_W.SEND_FAILURE, _W.CLEAN_UP), _S.IDLE),
        # Nobody heard the question: the session is as it was, and its timers watch it.
        (_S.PENDING, _V.RAR_UNSENT): ((), _S.OPEN),
        (_S.PENDING, _V.TERMINATE): ((_W.SEND_ASR,), _S.DISCON),
        # Section 8.4: resources are released at these times "regardless".
        (_S.PENDING, _V.AUTHORIZATION_EXPIRES): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.PENDING, _V.SESSION_TIMEOUT): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.DISCON, _V.AUTHORIZATION_EXPIRES): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.DISCON, _V.SESSION_TIMEOUT): ((_W.CLEAN_UP,), _S.IDLE),
        # A re-authorization crosses our ASR: the service is over.
        (_S.DISCON, _V.AUTHORIZED): ((_W.SEND_FAILURE,), _S.DISCON),
        (_S.DISCON, _V.NOT_AUTHORIZED): ((_W.SEND_FAILURE,), _S.DISCON),
        # Section 8.6.
        (_S.PENDING, _V.RESTARTED): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.OPEN, _V.RESTARTED): ((_W.CLEAN_UP,), _S.IDLE),
        (_S.DISCON, _V.RESTARTED): ((_W.CLEAN_UP,), _S.IDLE),
    }
)

SERVER_STATELESS_OURS: Final[ServerTable] = MappingProxyType(
    {
        # The table has the successful request only.
        (_S.IDLE, _V.NOT_PROCESSED): ((_W.SEND_FAILURE,), _S.IDLE),
        # There is no such session, and section 8.1 wants an answer.
        (_S.IDLE, _V.STR): ((_W.SEND_STA_UNKNOWN,), _S.IDLE),
    }
)


def step_client(state: State, event: ClientInput, *, stateless: bool) -> ClientStep | None:
    """The actions, in order, and the next state; None for the error condition of section 8.1."""
    pair = (state, event)
    if stateless:
        return CLIENT_STATELESS.get(pair) or CLIENT_STATELESS_OURS.get(pair)
    return CLIENT_STATEFUL.get(pair) or CLIENT_STATEFUL_OURS.get(pair)


def step_server(state: State, event: ServerInput, *, stateless: bool) -> ServerStep | None:
    """As `step_client`, for the server."""
    pair = (state, event)
    if stateless:
        return SERVER_STATELESS.get(pair) or SERVER_STATELESS_OURS.get(pair)
    return SERVER_STATEFUL.get(pair) or SERVER_STATEFUL_OURS.get(pair)
