"""The translation of peers' ports inside one end of user-space SCTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.transport.usrsctp_wires import Peers

HERE, THERE = ("192.0.2.1", 9899), ("192.0.2.2", 9899)


def test_a_peer_keeps_its_port_where_nobody_has_it() -> None:
    peers = Peers()
    assert peers.inside(HERE, 3868) == 3868
    assert peers.inside(HERE, 3868) == 3868
    other = peers.inside(THERE, 3868)
    assert other != 3868
    assert (peers.outside(3868), peers.outside(other)) == ((HERE, 3868), (THERE, 3868))
    assert peers.outside(9) is None


def test_strangers_are_forgotten_the_oldest_first_and_never_a_held_one() -> None:
    peers = Peers(strangers=3)
    peers.hold(peers.inside(HERE, 1))
    for port in range(2, 6):
        peers.inside(HERE, port)
    assert [port for port in range(1, 6) if peers.outside(port)] == [1, 3, 4, 5]


def test_a_peer_is_held_as_often_as_it_is_wanted() -> None:
    peers = Peers()
    inside = peers.inside(HERE, 7)
    peers.hold(inside)
    peers.hold(inside)
    peers.drop(inside)
    assert peers.outside(inside) == (HERE, 7)
    peers.drop(inside)
    assert peers.outside(inside) is None
    assert peers.inside(THERE, 7) == 7


def test_when_every_port_is_held_there_is_no_more() -> None:
    peers = Peers()
    for port in range(1, 65_536):
        peers.hold(peers.inside(HERE, port))
    with pytest.raises(OSError, match="too many peers"):
        peers.inside(THERE, 1)


@given(st.lists(st.tuples(st.sampled_from("ihd"), st.integers(1, 12), st.booleans()), max_size=60))
def test_inside_and_outside_always_agree(steps: list[tuple[str, int, bool]]) -> None:
    peers, held = Peers(strangers=4), list[int]()
    for step, port, here in steps:
        place = HERE if here else THERE
        inside = peers.inside(place, port)
        assert 0 < inside < 65_536
        assert peers.outside(inside) == (place, port)
        if step == "h":
            peers.hold(inside)
            held.append(inside)
        elif step == "d" and held:
            peers.drop(held.pop())
        assert all(peers.outside(each) for each in held)
        assert len(peers._loose) <= 4
        assert {peers._inside[key]: key for key in peers._inside} == peers._outside
