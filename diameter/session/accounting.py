"""The three accounting session state machines, RFC 6733 section 8.2, as tables.

`CLIENT`, `SERVER_STATELESS` and `SERVER_STATEFUL` are the RFC's, row by row, in its order.  What the conditions of a
row test (buffer space, Accounting-Realtime-Required) is part of the input; a row that does not test one of them stands
once for each of its values.  `CLIENT_OURS` and `SERVER_STATEFUL_OURS` hold the pairs the RFC is silent on; each says
why.  A pair in neither is the error condition of section 8.2: the step is None and nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final


class RecordType(IntEnum):
    """Accounting-Record-Type (section 9.8.1)."""

    EVENT = 1
    START = 2
    INTERIM = 3
    STOP = 4


class Realtime(IntEnum):
    """Accounting-Realtime-Required (section 9.8.7)."""

    DELIVER_AND_GRANT = 1
    GRANT_AND_STORE = 2
    GRANT_AND_LOSE = 3


class State(Enum):
    """States of section 8.2, spelt as the RFC spells them."""

    IDLE = "Idle"
    PENDING_S = "PendingS"
    OPEN = "Open"
    PENDING_I = "PendingI"
    PENDING_E = "PendingE"
    PENDING_B = "PendingB"
    PENDING_L = "PendingL"


class ClientInput(Enum):
    """Events of the client table.

    Of "failure to send" there are four: ROOM, there is buffer space (or an old interim record to overwrite) and the
    service may go on without delivery; ROOM_STRICT, there is, but it may not (DELIVER_AND_GRANT); FULL_LENIENT, there
    is none, and records may be lost (GRANT_AND_LOSE); FULL_STRICT, there is none, and they may not.
    """

    REQUESTS_ACCESS = "Client or device requests access"
    REQUESTS_EVENT = "Client or device requests a one-time service"
    RECORDS_STORED = "Records in storage"
    ANSWERED = "Successful accounting answer received"
    UNSENT_ROOM = "Failure to send, space, not DELIVER_AND_GRANT"
    UNSENT_ROOM_STRICT = "Failure to send, space, DELIVER_AND_GRANT"
    UNSENT_FULL_LENIENT = "Failure to send, no space, GRANT_AND_LOSE"
    UNSENT_FULL_STRICT = "Failure to send, no space, not GRANT_AND_LOSE"
    FAILED_LENIENT = "Failed answer received, GRANT_AND_LOSE"
    FAILED_STRICT = "Failed answer received, not GRANT_AND_LOSE"
    SERVICE_ENDS = "User service terminated"
    INTERIM_DUE = "Interim interval elapses"


class ClientAction(Enum):
    """Actions of the client table."""

    SEND_START = "Send accounting start req."
    SEND_EVENT = "Send accounting event req"
    SEND_RECORD = "Send record"
    SEND_INTERIM = "Send accounting interim record"
    SEND_STOP = "Send accounting stop req."
    STORE = "Store record"
    STORE_STOP = "Store stop record"
    DELETE = "Delete record"
    DISCONNECT = "Disconnect user/dev"


class ServerInput(Enum):
    """Events of the server tables."""

    START = "Accounting start request received and successfully processed"
    EVENT = "Accounting event request received and successfully processed"
    INTERIM = "Interim record received and successfully processed"
    STOP = "Accounting stop request received and successfully processed"
    NO_SPACE = "Accounting request received; no space left to store records"
    TS_EXPIRED = "Session supervision timer Ts expired"


class ServerAction(Enum):
    """Actions of the server tables."""

    SEND_ANSWER = "Send accounting answer"
    SEND_OUT_OF_SPACE = "Send accounting answer; Result-Code = OUT_OF_SPACE"
    START_TS = "Start Ts"
    RESTART_TS = "Restart Ts"
    STOP_TS = "Stop Ts"
    SEND_UNKNOWN = "Send accounting answer; Result-Code = UNKNOWN_SESSION_ID"
    SEND_REFUSED = "Send accounting answer; Result-Code = UNABLE_TO_COMPLY"


ClientStep = tuple[tuple[ClientAction, ...], State]
ServerStep = tuple[tuple[ServerAction, ...], State]
ClientTable = Mapping[tuple[State, ClientInput], ClientStep]
ServerTable = Mapping[tuple[State, ServerInput], ServerStep]

_S, _C, _D, _V, _W = State, ClientInput, ClientAction, ServerInput, ServerAction

CLIENT: Final[ClientTable] = MappingProxyType(
    {
        (_S.IDLE, _C.REQUESTS_ACCESS): ((_D.SEND_START,), _S.PENDING_S),
        (_S.IDLE, _C.REQUESTS_EVENT): ((_D.SEND_EVENT,), _S.PENDING_E),
        (_S.IDLE, _C.RECORDS_STORED): ((_D.SEND_RECORD,), _S.PENDING_B),
        (_S.PENDING_S, _C.ANSWERED): ((), _S.OPEN),
        (_S.PENDING_S, _C.UNSENT_ROOM): ((_D.STORE,), _S.OPEN),
        (_S.PENDING_S, _C.UNSENT_FULL_LENIENT): ((), _S.OPEN),
        (_S.PENDING_S, _C.UNSENT_FULL_STRICT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.PENDING_S, _C.FAILED_LENIENT): ((), _S.OPEN),
        (_S.PENDING_S, _C.FAILED_STRICT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.PENDING_S, _C.SERVICE_ENDS): ((_D.STORE_STOP,), _S.PENDING_S),
        (_S.OPEN, _C.INTERIM_DUE): ((_D.SEND_INTERIM,), _S.PENDING_I),
        (_S.OPEN, _C.SERVICE_ENDS): ((_D.SEND_STOP,), _S.PENDING_L),
        (_S.PENDING_I, _C.ANSWERED): ((), _S.OPEN),
        (_S.PENDING_I, _C.UNSENT_ROOM): ((_D.STORE,), _S.OPEN),
        (_S.PENDING_I, _C.UNSENT_FULL_LENIENT): ((), _S.OPEN),
        (_S.PENDING_I, _C.UNSENT_FULL_STRICT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.PENDING_I, _C.FAILED_LENIENT): ((), _S.OPEN),
        (_S.PENDING_I, _C.FAILED_STRICT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.PENDING_I, _C.SERVICE_ENDS): ((_D.STORE_STOP,), _S.PENDING_I),
        (_S.PENDING_E, _C.ANSWERED): ((), _S.IDLE),
        (_S.PENDING_E, _C.UNSENT_ROOM): ((_D.STORE,), _S.IDLE),
        (_S.PENDING_E, _C.UNSENT_ROOM_STRICT): ((_D.STORE,), _S.IDLE),
        (_S.PENDING_E, _C.UNSENT_FULL_LENIENT): ((), _S.IDLE),
        (_S.PENDING_E, _C.UNSENT_FULL_STRICT): ((), _S.IDLE),
        (_S.PENDING_E, _C.FAILED_LENIENT): ((), _S.IDLE),
        (_S.PENDING_E, _C.FAILED_STRICT): ((), _S.IDLE),
        (_S.PENDING_B, _C.ANSWERED): ((_D.DELETE,), _S.IDLE),
        (_S.PENDING_B, _C.UNSENT_ROOM): ((), _S.IDLE),
        (_S.PENDING_B, _C.UNSENT_ROOM_STRICT): ((), _S.IDLE),
        (_S.PENDING_B, _C.UNSENT_FULL_LENIENT): ((), _S.IDLE),
        (_S.PENDING_B, _C.UNSENT_FULL_STRICT): ((), _S.IDLE),
        (_S.PENDING_B, _C.FAILED_LENIENT): ((_D.DELETE,), _S.IDLE),
        (_S.PENDING_B, _C.FAILED_STRICT): ((_D.DELETE,), _S.IDLE),
        (_S.PENDING_L, _C.ANSWERED): ((), _S.IDLE),
        (_S.PENDING_L, _C.UNSENT_ROOM): ((_D.STORE,), _S.IDLE),
        (_S.PENDING_L, _C.UNSENT_ROOM_STRICT): ((_D.STORE,), _S.IDLE),
        (_S.PENDING_L, _C.UNSENT_FULL_LENIENT): ((), _S.IDLE),
        (_S.PENDING_L, _C.UNSENT_FULL_STRICT): ((), _S.IDLE),
        (_S.PENDING_L, _C.FAILED_LENIENT): ((), _S.IDLE),
        (_S.PENDING_L, _C.FAILED_STRICT): ((), _S.IDLE),
    }
)

CLIENT_OURS: Final[ClientTable] = MappingProxyType(
    {
        # Section 9.8.7: service "MUST only be granted as long as there is a connection"; the rows have no such pair.
        (_S.PENDING_S, _C.UNSENT_ROOM_STRICT): ((_D.DISCONNECT,), _S.IDLE),
        (_S.PENDING_I, _C.UNSENT_ROOM_STRICT): ((_D.DISCONNECT,), _S.IDLE),
    }
)

SERVER_STATELESS: Final[ServerTable] = MappingProxyType(
    {
        (_S.IDLE, _V.START): ((_W.SEND_ANSWER,), _S.IDLE),
        (_S.IDLE, _V.EVENT): ((_W.SEND_ANSWER,), _S.IDLE),
        (_S.IDLE, _V.INTERIM): ((_W.SEND_ANSWER,), _S.IDLE),
        (_S.IDLE, _V.STOP): ((_W.SEND_ANSWER,), _S.IDLE),
        (_S.IDLE, _V.NO_SPACE): ((_W.SEND_OUT_OF_SPACE,), _S.IDLE),
    }
)

SERVER_STATEFUL: Final[ServerTable] = MappingProxyType(
    {
        (_S.IDLE, _V.START): ((_W.SEND_ANSWER, _W.START_TS), _S.OPEN),
        (_S.IDLE, _V.EVENT): ((_W.SEND_ANSWER,), _S.IDLE),
        (_S.IDLE, _V.NO_SPACE): ((_W.SEND_OUT_OF_SPACE,), _S.IDLE),
        (_S.OPEN, _V.INTERIM): ((_W.SEND_ANSWER, _W.RESTART_TS), _S.OPEN),
        (_S.OPEN, _V.STOP): ((_W.SEND_ANSWER, _W.STOP_TS), _S.IDLE),
        (_S.OPEN, _V.NO_SPACE): ((_W.SEND_OUT_OF_SPACE, _W.STOP_TS), _S.IDLE),
        (_S.OPEN, _V.TS_EXPIRED): ((_W.STOP_TS,), _S.IDLE),
    }
)

SERVER_STATEFUL_OURS: Final[ServerTable] = MappingProxyType(
    {
        # Error conditions of section 8.2 that have an answer: a record of a session that never began, or has ended.
        (_S.IDLE, _V.INTERIM): ((_W.SEND_UNKNOWN,), _S.IDLE),
        (_S.IDLE, _V.STOP): ((_W.SEND_UNKNOWN,), _S.IDLE),
        # A session begins once (section 9.5), and an event is the only record of its session.
        (_S.OPEN, _V.START): ((_W.SEND_REFUSED,), _S.OPEN),
        (_S.OPEN, _V.EVENT): ((_W.SEND_REFUSED,), _S.OPEN),
    }
)


def step_client(state: State, event: ClientInput) -> ClientStep | None:
    """The actions, in order, and the next state; None for the error condition of section 8.2."""
    pair = (state, event)
    return CLIENT.get(pair) or CLIENT_OURS.get(pair)


def step_server(state: State, event: ServerInput, *, stateful: bool) -> ServerStep | None:
    """As `step_client`, for the server."""
    pair = (state, event)
    if not stateful:
        return SERVER_STATELESS.get(pair)
    return SERVER_STATEFUL.get(pair) or SERVER_STATEFUL_OURS.get(pair)
