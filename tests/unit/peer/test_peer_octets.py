"""Base messages with damaged octets, in every state: each is answered, dropped or ends the link, and nothing is
raised.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.message import Message
from diameter.peer.fsm import State
from diameter.peer.incoming import Incoming
from diameter.peer.inputs import Timers
from diameter.wire import header
from helpers.pair import base, local, read
from helpers.peers import I_LINK, OURS, R_LINK, Rig, connection, rig_in

OPEN = (State.I_OPEN, State.R_OPEN, State.CLOSING)
MAKE: dict[str, Callable[[Rig], Message]] = {
    "CER": lambda rig: rig.cer(firmware_revision=1, origin_state_id=2),
    "CEA": lambda rig: rig.answer(rig.cer()),
    "DWR": lambda rig: rig.dwr(),
    "DWA": lambda rig: rig.answer(rig.dwr()),
    "DPR": lambda rig: rig.dpr(),
    "DPA": lambda rig: rig.answer(rig.dpr()),
}

damage = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6)


def damaged(message: Message, changes: list[tuple[int, int]], cut: int) -> Message:
    """The message with octets changed behind version and length, and AVPs cut off at the end (Message Length
    follows).
    """
    octets = bytearray(message.octets)
    for at, value in changes:
        octets[4 + at % (len(octets) - 4)] = value
    size = max(header.LENGTH, len(octets) - 4 * cut)
    octets[1:4] = size.to_bytes(3)
    return read(bytes(octets[:size]))


@given(
    kind=st.sampled_from(sorted(MAKE)),
    state=st.sampled_from(list(State)),
    changes=damage,
    cut=st.integers(0, 12),
    link=st.sampled_from([I_LINK, R_LINK]),
)
def test_damaged_messages_on_a_link(
    kind: str, state: State, changes: list[tuple[int, int]], cut: int, link: int
) -> None:
    rig = rig_in(state)
    rig.receive(link, damaged(MAKE[kind](rig), changes, cut))
    for to, answer in rig.written():
        assert to == link or not answer.request
        assert all(fault.verdict != "refuse" for fault in answer.faults)


@given(changes=damage, cut=st.integers(0, 12))
def test_a_damaged_cea_opens_or_ends_the_attempt(changes: list[tuple[int, int]], cut: int) -> None:
    rig = rig_in(State.WAIT_CONN_ACK)
    cer = rig.connect()
    rig.receive(I_LINK, damaged(rig.answer(cer), changes, cut))
    assert rig.state() in (State.I_OPEN, State.CLOSED)


@given(changes=damage, cut=st.integers(0, 12))
def test_a_damaged_cer_is_accepted_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    rig = Rig()
    cer = damaged(MAKE["CER"](rig), changes, cut)
    incoming = Incoming(base(local(OURS)), Timers())
    incoming.admit(connection(R_LINK), 0.0)
    host = incoming.first(R_LINK, cer)
    assert incoming.waiting(R_LINK) is (host is not None)
    if host is not None:
        rig.accept(cer)
        assert rig.state() is State.R_OPEN or [code for _, _, code in rig.answers()] != [2001]


@pytest.mark.parametrize("kind", sorted(MAKE))
@pytest.mark.parametrize("state", OPEN, ids=lambda state: state.value)
def test_a_header_alone_is_no_reason_to_fall(kind: str, state: State) -> None:
    rig = rig_in(state)
    link = R_LINK if state is State.R_OPEN else I_LINK
    rig.receive(link, damaged(MAKE[kind](rig), [], 1000))
    assert rig.out()
