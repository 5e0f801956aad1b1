"""RFC 6733 section 8.2: each row of the three tables, as the RFC prints it, against the machines; then every pair."""

from __future__ import annotations

import itertools

import pytest

from diameter.session import accounting as fsm
from diameter.session.accounting import ClientAction, ClientInput, ServerAction, ServerInput, State

# State | event | action | next state, wrapped cells joined, repeated states written out.
CLIENT = """
Idle | Client or device requests access | Send accounting start req. | PendingS
Idle | Client or device requests a one-time service | Send accounting event req | PendingE
Idle | Records in storage | Send record | PendingB
PendingS | Successful accounting start answer received | | Open
PendingS | Failure to send and buffer space available and real time not equal to DELIVER_AND_GRANT | Store Start Record | Open
PendingS | Failure to send and no buffer space available and real time equal to GRANT_AND_LOSE | | Open
PendingS | Failure to send and no buffer space available and real time not equal to GRANT_AND_LOSE | Disconnect user/dev | Idle
PendingS | Failed accounting start answer received and real time equal to GRANT_AND_LOSE | | Open
PendingS | Failed accounting start answer received and real time not equal to GRANT_AND_LOSE | Disconnect user/dev | Idle
PendingS | User service terminated | Store stop record | PendingS
Open | Interim interval elapses | Send accounting interim record | PendingI
Open | User service terminated | Send accounting stop req. | PendingL
PendingI | Successful accounting interim answer received | | Open
PendingI | Failure to send and (buffer space available or old record can be overwritten) and real time not equal to DELIVER_AND_GRANT | Store interim record | Open
PendingI | Failure to send and no buffer space available and real time equal to GRANT_AND_LOSE | | Open
PendingI | Failure to send and no buffer space available and real time not equal to GRANT_AND_LOSE | Disconnect user/dev | Idle
PendingI | Failed accounting interim answer received and real time equal to GRANT_AND_LOSE | | Open
PendingI | Failed accounting interim answer received and real time not equal to GRANT_AND_LOSE | Disconnect user/dev | Idle
PendingI | User service terminated | Store stop record | PendingI
PendingE | Successful accounting event answer received | | Idle
PendingE | Failure to send and buffer space available | Store event record | Idle
PendingE | Failure to send and no buffer space available | | Idle
PendingE | Failed accounting event answer received | | Idle
PendingB | Successful accounting answer received | Delete record | Idle
PendingB | Failure to send | | Idle
PendingB | Failed accounting answer received | Delete record | Idle
PendingL | Successful accounting stop answer received | | Idle
PendingL | Failure to send and buffer space available | Store stop record | Idle
PendingL | Failure to send and no buffer space available | | Idle
PendingL | Failed accounting stop answer received | | Idle
"""  # noqa: E501
SERVER_STATELESS = """
Idle | Accounting start request received and successfully processed. | Send accounting start answer | Idle
Idle | Accounting event request received and successfully processed. | Send accounting event answer | Idle
Idle | Interim record received and successfully processed. | Send accounting interim answer | Idle
Idle | Accounting stop request received and successfully processed | Send accounting stop answer | Idle
Idle | Accounting request received; no space left to store records | Send accounting answer; Result-Code = OUT_OF_SPACE | Idle
"""  # noqa: E501
SERVER_STATEFUL = """
Idle | Accounting start request received and successfully processed. | Send accounting start answer; Start Ts | Open
Idle | Accounting event request received and successfully processed. | Send accounting event answer | Idle
Idle | Accounting request received; no space left to store records | Send accounting answer; Result-Code = OUT_OF_SPACE | Idle
Open | Interim record received and successfully processed. | Send accounting interim answer; Restart Ts | Open
Open | Accounting stop request received and successfully processed | Send accounting stop answer; Stop Ts | Idle
Open | Accounting request received; no space left to store records | Send accounting answer; Result-Code = OUT_OF_SPACE; Stop Ts | Idle
Open | Session supervision timer Ts expired | Stop Ts | Idle
"""  # noqa: E501

C, D, V, W = ClientInput, ClientAction, ServerInput, ServerAction
UNSENT = (C.UNSENT_ROOM, C.UNSENT_ROOM_STRICT, C.UNSENT_FULL_LENIENT, C.UNSENT_FULL_STRICT)
ACTIONS = {
    "": (),
    "Send accounting start req.": (D.SEND_START,),
    "Send accounting event req": (D.SEND_EVENT,),
    "Send record": (D.SEND_RECORD,),
    "Store Start Record": (D.STORE,),
    "Store interim record": (D.STORE,),
    "Store event record": (D.STORE,),
    "Disconnect user/dev": (D.DISCONNECT,),
    "Send accounting interim record": (D.SEND_INTERIM,),
    "Send accounting stop req.": (D.SEND_STOP,),
    "Delete record": (D.DELETE,),
}


def _cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def events(text: str) -> tuple[ClientInput, ...]:
    """The inputs a cell of the client stands for: one for each value of what it does not test."""
    if text.startswith("Successful"):
        return (C.ANSWERED,)
    if text.startswith("Failed"):
        tested = {"not": (C.FAILED_STRICT,), "equal": (C.FAILED_LENIENT,)}
        return tested.get(text.partition("real time ")[2].partition(" ")[0], (C.FAILED_LENIENT, C.FAILED_STRICT))
    if text == "Failure to send":
        return UNSENT
    if text.startswith("Failure to send and no buffer"):
        if "real time" not in text:
            return UNSENT[2:]
        return (C.UNSENT_FULL_STRICT,) if "not equal" in text else (C.UNSENT_FULL_LENIENT,)
    if text.startswith("Failure to send and"):
        return (C.UNSENT_ROOM,) if "real time" in text else UNSENT[:2]
    return (C(text),)


def client_rows() -> dict[tuple[State, ClientInput], fsm.ClientStep]:
    """The RFC's rows as values."""
    found: dict[tuple[State, ClientInput], fsm.ClientStep] = {}
    for state, text, action, after in _cells(CLIENT):
        for event in events(text):
            assert (State(state), event) not in found
            pending = state in ("PendingS", "PendingI")
            store = (D.STORE_STOP,) if pending else (D.STORE,)
            found[State(state), event] = (store if action == "Store stop record" else ACTIONS[action], State(after))
    return found


def server_rows(text: str) -> dict[tuple[State, ServerInput], fsm.ServerStep]:
    """The RFC's rows as values."""
    found = {}
    for state, event, actions, after in _cells(text):
        joined = actions.replace("; Result-Code = OUT_OF_SPACE", " OUT_OF_SPACE")
        done = tuple(
            W(each) if each.endswith("Ts") else W.SEND_OUT_OF_SPACE if "OUT_OF" in each else W.SEND_ANSWER
            for each in joined.split("; ")
        )
        found[State(state), V(event.rstrip("."))] = (done, State(after))
    return found


@pytest.mark.parametrize(("pair", "step"), client_rows().items(), ids=str)
def test_row_of_the_client(pair: tuple[State, ClientInput], step: fsm.ClientStep) -> None:
    assert fsm.step_client(*pair) == step


@pytest.mark.parametrize(("pair", "step"), server_rows(SERVER_STATELESS).items(), ids=str)
def test_row_of_the_stateless_server(pair: tuple[State, ServerInput], step: fsm.ServerStep) -> None:
    assert fsm.step_server(*pair, stateful=False) == step


@pytest.mark.parametrize(("pair", "step"), server_rows(SERVER_STATEFUL).items(), ids=str)
def test_row_of_the_stateful_server(pair: tuple[State, ServerInput], step: fsm.ServerStep) -> None:
    assert fsm.step_server(*pair, stateful=True) == step


def test_the_tables_hold_the_rows_and_no_other() -> None:
    assert client_rows() == fsm.CLIENT
    assert server_rows(SERVER_STATELESS) == fsm.SERVER_STATELESS
    assert server_rows(SERVER_STATEFUL) == fsm.SERVER_STATEFUL
    assert [len(_cells(text)) for text in (CLIENT, SERVER_STATELESS, SERVER_STATEFUL)] == [30, 5, 7]


def test_our_rows_fill_gaps_only() -> None:
    assert not set(fsm.CLIENT_OURS) & set(fsm.CLIENT)
    assert not set(fsm.SERVER_STATEFUL_OURS) & set(fsm.SERVER_STATEFUL)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, ClientInput)), ids=lambda v: v.name)
def test_every_pair_of_the_client_stays_in_the_machine(state: State, event: ClientInput) -> None:
    found = fsm.step_client(state, event)
    assert (found is not None) == ((state, event) in {**fsm.CLIENT, **fsm.CLIENT_OURS})
    if found is not None:
        actions, after = found
        assert isinstance(after, State)
        assert all(isinstance(action, ClientAction) for action in actions)
        assert actions or after is not state


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, ServerInput)), ids=lambda v: v.name)
def test_every_pair_of_the_server_stays_in_the_machine(state: State, event: ServerInput, stateful: bool) -> None:
    found = fsm.step_server(state, event, stateful=stateful)
    table = {**fsm.SERVER_STATEFUL, **fsm.SERVER_STATEFUL_OURS} if stateful else fsm.SERVER_STATELESS
    assert (found is not None) == ((state, event) in table)
    if found is not None:
        actions, after = found
        assert actions
        assert after in (State.IDLE, State.OPEN)


def test_every_pending_state_settles_on_every_outcome() -> None:
    pending = [state for state in State if state.value.startswith("Pending")]
    outcomes = (C.ANSWERED, C.FAILED_LENIENT, C.FAILED_STRICT, *UNSENT)
    settled = [fsm.step_client(state, event) for state, event in itertools.product(pending, outcomes)]
    assert all(step is not None and step[1] in (State.IDLE, State.OPEN) for step in settled)


def test_every_action_and_input_is_used() -> None:
    client = {**fsm.CLIENT, **fsm.CLIENT_OURS}
    server = [fsm.SERVER_STATELESS, fsm.SERVER_STATEFUL, fsm.SERVER_STATEFUL_OURS]
    assert {event for _, event in client} == set(ClientInput)
    assert {action for actions, _ in client.values() for action in actions} == set(ClientAction)
    assert {event for table in server for _, event in table} == set(ServerInput)
    assert {action for table in server for actions, _ in table.values() for action in actions} == set(ServerAction)
