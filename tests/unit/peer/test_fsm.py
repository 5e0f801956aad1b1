"""RFC 6733 section 5.6: each row of the table, as the RFC prints it, against the machine; then every pair there is."""

from __future__ import annotations

import itertools

import pytest

from diameter.peer.fsm import OURS, TABLE, Action, Input, State, step

# State, event, actions, next state.  Wrapped cells are joined and repeated states written out; the rest is as printed.
ROWS = """
Closed              | Start           | I-Snd-Conn-Req                   | Wait-Conn-Ack
Closed              | R-Conn-CER      | R-Accept, Process-CER, R-Snd-CEA | R-Open
Wait-Conn-Ack       | I-Rcv-Conn-Ack  | I-Snd-CER                        | Wait-I-CEA
Wait-Conn-Ack       | I-Rcv-Conn-Nack | Cleanup                          | Closed
Wait-Conn-Ack       | R-Conn-CER      | R-Accept, Process-CER            | Wait-Conn-Ack/Elect
Wait-Conn-Ack       | Timeout         | Error                            | Closed
Wait-I-CEA          | I-Rcv-CEA       | Process-CEA                      | I-Open
Wait-I-CEA          | R-Conn-CER      | R-Accept, Process-CER, Elect     | Wait-Returns
Wait-I-CEA          | I-Peer-Disc     | I-Disc                           | Closed
Wait-I-CEA          | I-Rcv-Non-CEA   | Error                            | Closed
Wait-I-CEA          | Timeout         | Error                            | Closed
Wait-Conn-Ack/Elect | I-Rcv-Conn-Ack  | I-Snd-CER, Elect                 | Wait-Returns
Wait-Conn-Ack/Elect | I-Rcv-Conn-Nack | R-Snd-CEA                        | R-Open
Wait-Conn-Ack/Elect | R-Peer-Disc     | R-Disc                           | Wait-Conn-Ack
Wait-Conn-Ack/Elect | R-Conn-CER      | R-Reject                         | Wait-Conn-Ack/Elect
Wait-Conn-Ack/Elect | Timeout         | Error                            | Closed
Wait-Returns        | Win-Election    | I-Disc, R-Snd-CEA                | R-Open
Wait-Returns        | I-Peer-Disc     | I-Disc, R-Snd-CEA                | R-Open
Wait-Returns        | I-Rcv-CEA       | R-Disc                           | I-Open
Wait-Returns        | R-Peer-Disc     | R-Disc                           | Wait-I-CEA
Wait-Returns        | R-Conn-CER      | R-Reject                         | Wait-Returns
Wait-Returns        | Timeout         | Error                            | Closed
R-Open              | Send-Message    | R-Snd-Message                    | R-Open
R-Open              | R-Rcv-Message   | Process                          | R-Open
R-Open              | R-Rcv-DWR       | Process-DWR, R-Snd-DWA           | R-Open
R-Open              | R-Rcv-DWA       | Process-DWA                      | R-Open
R-Open              | R-Conn-CER      | R-Reject                         | R-Open
R-Open              | Stop            | R-Snd-DPR                        | Closing
R-Open              | R-Rcv-DPR       | R-Snd-DPA                        | Closing
R-Open              | R-Peer-Disc     | R-Disc                           | Closed
I-Open              | Send-Message    | I-Snd-Message                    | I-Open
I-Open              | I-Rcv-Message   | Process                          | I-Open
I-Open              | I-Rcv-DWR       | Process-DWR, I-Snd-DWA           | I-Open
I-Open              | I-Rcv-DWA       | Process-DWA                      | I-Open
I-Open              | R-Conn-CER      | R-Reject                         | I-Open
I-Open              | Stop            | I-Snd-DPR                        | Closing
I-Open              | I-Rcv-DPR       | I-Snd-DPA                        | Closing
I-Open              | I-Peer-Disc     | I-Disc                           | Closed
Closing             | I-Rcv-DPA       | I-Disc                           | Closed
Closing             | R-Rcv-DPA       | R-Disc                           | Closed
Closing             | Timeout         | Error                            | Closed
Closing             | I-Peer-Disc     | I-Disc                           | Closed
Closing             | R-Peer-Disc     | R-Disc                           | Closed
"""

Row = tuple[State, Input, tuple[Action, ...], State]


def rows() -> list[Row]:
    """The RFC's rows as values."""
    found: list[Row] = []
    for line in ROWS.strip().splitlines():
        state, event, actions, after = (cell.strip() for cell in line.split("|"))
        found.append((State(state), Input(event), tuple(map(Action, actions.split(", "))), State(after)))
    return found


@pytest.mark.parametrize(
    ("state", "event", "actions", "after"),
    rows(),
    ids=lambda v: getattr(v, "value", None) or "+".join(a.value for a in v),
)
def test_row(state: State, event: Input, actions: tuple[Action, ...], after: State) -> None:
    found = step(state, event)
    assert found is not None
    done, reached = found
    if (state, event) == (State.WAIT_RETURNS, Input.I_RCV_CEA):
        # The RFC prints R-Disc alone; a CEA that opens is processed in this state as in Wait-I-CEA.
        actions += (Action.PROCESS_CEA,)
    assert (done, reached) == (actions, after)


def test_the_table_holds_the_rows_and_no_other() -> None:
    assert set(TABLE) == {(state, event) for state, event, _, _ in rows()}
    assert len(rows()) == 43


def test_our_rows_fill_gaps_only() -> None:
    assert not set(OURS) & set(TABLE)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Input)), ids=lambda v: v.value)
def test_every_pair_stays_in_the_machine(state: State, event: Input) -> None:
    found = step(state, event)
    assert (found is not None) == ((state, event) in {**TABLE, **OURS})
    if found is not None:
        actions, after = found
        assert isinstance(after, State)
        assert all(isinstance(action, Action) for action in actions)
        assert actions or after is not state


def test_every_state_is_reached_and_left() -> None:
    steps = {**TABLE, **OURS}
    reached = {after for _, after in steps.values()}
    left = {state for (state, _), (_, after) in steps.items() if after is not state}
    assert reached == set(State) == left


def test_every_action_and_input_is_used() -> None:
    assert {action for actions, _ in TABLE.values() for action in actions} == set(Action)
    assert {event for _, event in TABLE} == set(Input)
