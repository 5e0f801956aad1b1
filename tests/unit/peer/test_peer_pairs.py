"""Every input of a peer in every state, and any sequence of them: the machine never breaks its own promises."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.peer.fsm import State
from helpers.peer_inputs import INPUTS, LINKS, check
from helpers.peers import I_LINK, Rig, rig_in


@pytest.mark.parametrize(
    ("state", "name", "remote"),
    list(itertools.product(State, INPUTS, ("a.example.org", "z.example.org"))),
    ids=lambda value: getattr(value, "value", value),
)
def test_every_input_in_every_state(state: State, name: str, remote: str) -> None:
    if state is State.WAIT_RETURNS and remote < "m":
        remote = "z.example.org"  # a peer that wins does not wait for returns
    rig = rig_in(state, remote=remote)
    INPUTS[name](rig)
    check(rig, state, rig.out())


@given(names=st.lists(st.sampled_from(sorted(INPUTS)), max_size=30), remote=st.sampled_from("az"))
def test_any_sequence_of_inputs(names: list[str], remote: str) -> None:
    rig = Rig(remote=f"{remote}.example.org")
    for name in names:
        before = rig.state()
        INPUTS[name](rig)
        rig.now += 0.1
        check(rig, before, rig.out())


@given(names=st.lists(st.sampled_from(sorted(INPUTS)), max_size=20))
def test_whatever_happened_a_new_start_opens(names: list[str]) -> None:
    """After any history, a peer that is stopped, left alone and started again opens with one exchange."""
    rig = Rig()
    for name in names:
        INPUTS[name](rig)
        rig.out()
    rig.peer.stop(rig.now)
    for link in LINKS.values():
        rig.lose(link)
    rig.wait(60)
    rig.out()
    assert rig.state() is State.CLOSED
    assert rig.peer.deadline() is None
    rig.start()
    cer = rig.connect()
    rig.receive(I_LINK, rig.answer(cer))
    assert rig.state() is State.I_OPEN
