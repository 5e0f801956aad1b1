"""RFC 6733 section 8.1: each row of the four tables, as the RFC prints it, against the machines; then every pair."""

from __future__ import annotations

import itertools

import pytest

from diameter.session import authorization as fsm
from diameter.session.authorization import ClientAction, ClientInput, ServerAction, ServerInput, State

# State | event | actions | next state.  Wrapped cells are joined and repeated states written out; wording as printed.
CLIENT_STATEFUL = """
Idle    | Client or device requests access | Send service-specific auth req | Pending
Idle    | ASR Received for unknown session | Send ASA with Result-Code = UNKNOWN_SESSION_ID | Idle
Idle    | RAR Received for unknown session | Send RAA with Result-Code = UNKNOWN_SESSION_ID | Idle
Pending | Successful service-specific authorization answer received with default Auth-Session-State value | Grant Access | Open
Pending | Successful service-specific authorization answer received, but service not provided | Sent STR | Discon
Pending | Error processing successful service-specific authorization answer | Sent STR | Discon
Pending | Failed service-specific authorization answer received | Clean up | Idle
Open    | User or client device requests access to service | Send service-specific auth req | Open
Open    | Successful service-specific authorization answer received | Provide service | Open
Open    | Failed service-specific authorization answer received. | Discon. user/device | Idle
Open    | RAR received and client will perform subsequent re-auth | Send RAA with Result-Code = SUCCESS | Open
Open    | RAR received and client will not perform subsequent re-auth | Send RAA with Result-Code != SUCCESS, Discon. user/device | Idle
Open    | Session-Timeout expires on access device | Send STR | Discon
Open    | ASR received, client will comply with request to end the session | Send ASA with Result-Code = = SUCCESS, Send STR. | Discon
Open    | ASR Received, client will not comply with request to end the session | Send ASA with Result-Code != != SUCCESS | Open
Open    | Authorization-Lifetime + Auth-Grace-Period expires on access device | Send STR | Discon
Discon  | ASR received | Send ASA | Discon
Discon  | STA received | Discon. user/device | Idle
"""  # noqa: E501
CLIENT_STATELESS = """
Idle    | Client or device requests access | Send service-specific auth req | Pending
Pending | Successful service-specific authorization answer received with Auth-Session-State set to NO_STATE_MAINTAINED | Grant access | Open
Pending | Failed service-specific authorization answer received | Clean up | Idle
Open    | Session-Timeout expires on access device | Discon. user/device | Idle
Open    | Service to user is terminated | Discon. user/device | Idle
"""  # noqa: E501
SERVER_STATEFUL = """
Idle    | Service-specific authorization request received, and user is authorized | Send successful service-specific answer | Open
Idle    | Service-specific authorization request received, and user is not authorized | Send failed service-specific answer | Idle
Open    | Service-specific authorization request received, and user is authorized | Send successful service-specific answer | Open
Open    | Service-specific authorization request received, and user is not authorized | Send failed service-specific answer, Clean up | Idle
Open    | Home server wants to confirm authentication and/or authorization of the user | Send RAR | Pending
Pending | Received RAA with a failed Result-Code | Clean up | Idle
Pending | Received RAA with Result-Code = SUCCESS | Update session | Open
Open    | Home server wants to terminate the service | Send ASR | Discon
Open    | Authorization-Lifetime (and Auth-Grace-Period) expires on home server | Clean up | Idle
Open    | Session-Timeout expires on home server | Clean up | Idle
Discon  | Failure to send ASR | Wait, resend ASR | Discon
Discon  | ASR successfully sent and ASA Received with Result-Code | Clean up | Idle
Not Discon | ASA Received | None | No Change
Any     | STR Received | Send STA, Clean up | Idle
"""  # noqa: E501
SERVER_STATELESS = """
Idle    | Service-specific authorization request received, and successfully processed | Send service-specific answer | Idle
"""  # noqa: E501

C, D, V, W = ClientInput, ClientAction, ServerInput, ServerAction
# The words of the RFC, in lower case and without a final dot, as values; the state says which where words are the same.
CLIENT_EVENTS = {
    "client or device requests access": C.REQUESTS_ACCESS,
    "asr received for unknown session": C.ASR_UNKNOWN,
    "rar received for unknown session": C.RAR_UNKNOWN,
    "successful service-specific authorization answer received with default auth-session-state value": C.GRANTED,
    "successful service-specific authorization answer received with auth-session-state set to no_state_maintained": (
        C.GRANTED_STATELESS
    ),
    "successful service-specific authorization answer received, but service not provided": C.NOT_PROVIDED,
    "error processing successful service-specific authorization answer": C.UNUSABLE,
    "failed service-specific authorization answer received": C.REFUSED,
    "user or client device requests access to service": C.REQUESTS_ACCESS,
    "successful service-specific authorization answer received": C.GRANTED,
    "rar received and client will perform subsequent re-auth": C.RAR_WILLING,
    "rar received and client will not perform subsequent re-auth": C.RAR_UNWILLING,
    "session-timeout expires on access device": C.SESSION_TIMEOUT,
    "asr received, client will comply with request to end the session": C.ASR_WILLING,
    "asr received, client will not comply with request to end the session": C.ASR_UNWILLING,
    "authorization-lifetime + auth-grace-period expires on access device": C.AUTHORIZATION_EXPIRES,
    "asr received": C.ASR,
    "sta received": C.STA,
    "service to user is terminated": C.SERVICE_ENDS,
}
CLIENT_ACTIONS = {
    "send service-specific auth req": D.SEND_REQUEST,
    "send asa with result-code = unknown_session_id": D.SEND_ASA_UNKNOWN,
    "send raa with result-code = unknown_session_id": D.SEND_RAA_UNKNOWN,
    "grant access": D.GRANT,
    "sent str": D.SEND_STR,
    "send str": D.SEND_STR,
    "clean up": D.CLEAN_UP,
    "provide service": D.PROVIDE,
    "discon. user/device": D.DISCONNECT,
    "send raa with result-code = success": D.SEND_RAA_SUCCESS,
    "send raa with result-code != success": D.SEND_RAA_FAILURE,
    "send asa with result-code = = success": D.SEND_ASA_SUCCESS,
    "send asa with result-code != != success": D.SEND_ASA_FAILURE,
    "send asa": D.SEND_ASA_SUCCESS,
}
SERVER_EVENTS = {
    "service-specific authorization request received, and user is authorized": V.AUTHORIZED,
    "service-specific authorization request received, and user is not authorized": V.NOT_AUTHORIZED,
    "home server wants to confirm authentication and/or authorization of the user": V.CONFIRM,
    "received raa with a failed result-code": V.RAA_FAILED,
    "received raa with result-code = success": V.RAA_SUCCESS,
    "home server wants to terminate the service": V.TERMINATE,
    "authorization-lifetime (and auth-grace-period) expires on home server": V.AUTHORIZATION_EXPIRES,
    "session-timeout expires on home server": V.SESSION_TIMEOUT,
    "failure to send asr": V.ASR_UNSENT,
    "asr successfully sent and asa received with result-code": V.ASA,
    "asa received": V.ASA,
    "str received": V.STR,
    "service-specific authorization request received, and successfully processed": V.PROCESSED,
}
SERVER_ACTIONS = {
    "send successful service-specific answer": W.SEND_SUCCESS,
    "send failed service-specific answer": W.SEND_FAILURE,
    "clean up": W.CLEAN_UP,
    "send rar": W.SEND_RAR,
    "update session": W.UPDATE,
    "send asr": W.SEND_ASR,
    "wait, resend asr": W.WAIT_AND_RESEND,
    "send sta": W.SEND_STA,
    "send service-specific answer": W.SEND_ANSWER,
}


def _cells(text: str) -> list[tuple[str, str, str, str]]:
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in text.strip().splitlines()]
    return [(state, event.lower().rstrip("."), actions.lower(), after) for state, event, actions, after in rows]


def _states(cell: str) -> list[State]:
    if cell in ("Any", "Not Discon"):
        return [state for state in State if cell == "Any" or state is not State.DISCON]
    return [State(cell)]


def _next(cell: str, state: State) -> State:
    return state if cell == "No Change" else State(cell)


def client_rows(text: str) -> dict[tuple[State, ClientInput], fsm.ClientStep]:
    """The RFC's rows of a client as values."""
    return {
        (State(state), CLIENT_EVENTS[event]): (
            tuple(CLIENT_ACTIONS[action.rstrip(".")] if action != "discon. user/device" else D.DISCONNECT
                  for action in actions.split(", ")),
            State(after),
        )
        for state, event, actions, after in _cells(text)
    }  # fmt: skip


def server_rows(text: str) -> dict[tuple[State, ServerInput], fsm.ServerStep]:
    """The RFC's rows of a server as values, those of several states written out."""
    found: dict[tuple[State, ServerInput], fsm.ServerStep] = {}
    for cell, event, actions, after in _cells(text):
        listed = actions.split(", ") if actions not in SERVER_ACTIONS else [actions]
        done = () if actions == "none" else tuple(SERVER_ACTIONS[action] for action in listed)
        for state in _states(cell):
            found[state, SERVER_EVENTS[event]] = (done, _next(after, state))
    return found


@pytest.mark.parametrize(("pair", "step"), client_rows(CLIENT_STATEFUL).items(), ids=str)
def test_row_of_the_stateful_client(pair: tuple[State, ClientInput], step: fsm.ClientStep) -> None:
    assert fsm.step_client(*pair, stateless=False) == step


@pytest.mark.parametrize(("pair", "step"), client_rows(CLIENT_STATELESS).items(), ids=str)
def test_row_of_the_stateless_client(pair: tuple[State, ClientInput], step: fsm.ClientStep) -> None:
    assert fsm.step_client(*pair, stateless=True) == step


@pytest.mark.parametrize(("pair", "step"), server_rows(SERVER_STATEFUL).items(), ids=str)
def test_row_of_the_stateful_server(pair: tuple[State, ServerInput], step: fsm.ServerStep) -> None:
    assert fsm.step_server(*pair, stateless=False) == step


@pytest.mark.parametrize(("pair", "step"), server_rows(SERVER_STATELESS).items(), ids=str)
def test_row_of_the_stateless_server(pair: tuple[State, ServerInput], step: fsm.ServerStep) -> None:
    assert fsm.step_server(*pair, stateless=True) == step


def test_the_tables_hold_the_rows_and_no_other() -> None:
    assert client_rows(CLIENT_STATEFUL) == fsm.CLIENT_STATEFUL
    assert client_rows(CLIENT_STATELESS) == fsm.CLIENT_STATELESS
    assert server_rows(SERVER_STATEFUL) == fsm.SERVER_STATEFUL
    assert server_rows(SERVER_STATELESS) == fsm.SERVER_STATELESS
    texts = (CLIENT_STATEFUL, SERVER_STATEFUL, CLIENT_STATELESS, SERVER_STATELESS)
    assert [len(_cells(text)) for text in texts] == [18, 14, 5, 1]


def test_our_rows_fill_gaps_only() -> None:
    assert not set(fsm.CLIENT_STATEFUL_OURS) & set(fsm.CLIENT_STATEFUL)
    assert not set(fsm.CLIENT_STATELESS_OURS) & set(fsm.CLIENT_STATELESS)
    assert not set(fsm.SERVER_STATEFUL_OURS) & set(fsm.SERVER_STATEFUL)
    assert not set(fsm.SERVER_STATELESS_OURS) & set(fsm.SERVER_STATELESS)


@pytest.mark.parametrize("stateless", [False, True])
@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, ClientInput)), ids=lambda v: v.name)
def test_every_pair_of_a_client_stays_in_the_machine(state: State, event: ClientInput, stateless: bool) -> None:
    tables = (
        {**fsm.CLIENT_STATELESS, **fsm.CLIENT_STATELESS_OURS}
        if stateless
        else {**fsm.CLIENT_STATEFUL, **fsm.CLIENT_STATEFUL_OURS}
    )
    found = fsm.step_client(state, event, stateless=stateless)
    assert (found is not None) == ((state, event) in tables)
    if found is not None:
        actions, after = found
        assert isinstance(after, State)
        assert all(isinstance(action, ClientAction) for action in actions)
        assert actions


@pytest.mark.parametrize("stateless", [False, True])
@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, ServerInput)), ids=lambda v: v.name)
def test_every_pair_of_a_server_stays_in_the_machine(state: State, event: ServerInput, stateless: bool) -> None:
    tables = (
        {**fsm.SERVER_STATELESS, **fsm.SERVER_STATELESS_OURS}
        if stateless
        else {**fsm.SERVER_STATEFUL, **fsm.SERVER_STATEFUL_OURS}
    )
    found = fsm.step_server(state, event, stateless=stateless)
    assert (found is not None) == ((state, event) in tables)
    if found is not None:
        actions, after = found
        assert isinstance(after, State)
        assert all(isinstance(action, ServerAction) for action in actions)
        assert actions or after is not state or event is ServerInput.ASA


def test_every_action_and_input_is_used() -> None:
    client = [fsm.CLIENT_STATEFUL, fsm.CLIENT_STATEFUL_OURS, fsm.CLIENT_STATELESS, fsm.CLIENT_STATELESS_OURS]
    server = [fsm.SERVER_STATEFUL, fsm.SERVER_STATEFUL_OURS, fsm.SERVER_STATELESS, fsm.SERVER_STATELESS_OURS]
    assert {event for table in client for _, event in table} == set(ClientInput)
    assert {action for table in client for actions, _ in table.values() for action in actions} == set(ClientAction)
    assert {event for table in server for _, event in table} == set(ServerInput)
    assert {action for table in server for actions, _ in table.values() for action in actions} == set(ServerAction)


def test_what_leads_to_idle_releases_what_was_kept() -> None:
    release = {ClientAction.CLEAN_UP, ClientAction.DISCONNECT, ServerAction.CLEAN_UP}
    client = [fsm.CLIENT_STATEFUL, fsm.CLIENT_STATEFUL_OURS, fsm.CLIENT_STATELESS, fsm.CLIENT_STATELESS_OURS]
    leaving = [
        actions for table in client for (s, _), (actions, after) in table.items() if s is not after is State.IDLE
    ]
    server = [fsm.SERVER_STATEFUL, fsm.SERVER_STATEFUL_OURS]
    served = [actions for table in server for (s, _), (actions, after) in table.items() if s is not after is State.IDLE]
    assert all(release & set(actions) for actions in [*leaving, *served])
