"""Two cores joined over a fake link: with delay, loss, reordering and cuts they agree in the end, on a clock of the
test's own.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.peer import watchdog
from diameter.peer.capabilities import Advertised
from diameter.peer.fsm import State
from diameter.peer.inputs import (
    DisconnectCause,
    Failed,
    Okay,
    Opened,
    Probed,
    Refused,
    Restarted,
    Suspect,
    Timers,
    Unreachable,
)
from diameter.wire import header
from helpers.pair import Pair, local

OPEN = {State.I_OPEN, State.R_OPEN}
HOSTS = (("a.example.org", "b.example.org"), ("b.example.org", "a.example.org"))


QUICK = Timers(tw_s=6, tc_s=5, reopen_dwas=1)


def agree(pair: Pair) -> None:
    """Both open, on the two ends of one link, and trusted."""
    assert set(pair.states) == OPEN
    assert pair.a.peer.open_link == pair.b.peer.open_link
    assert pair.a.peer.usable
    assert pair.b.peer.usable
    assert set(pair.a.connections) == set(pair.b.connections) == {pair.a.peer.open_link}


def one_link(pair: Pair) -> None:
    """RFC 6733 section 2.1: no more than one connection is open with a peer."""
    for side in pair.sides:
        assert (side.peer.open_link is None) == (side.peer.state not in OPEN)
        assert side.peer.open_link is None or side.peer.open_link in side.connections


@pytest.mark.parametrize("hosts", HOSTS, ids=["initiator lower", "initiator higher"])
def test_one_side_connects(hosts: tuple[str, str]) -> None:
    pair = Pair(hosts=hosts).start().run(5)
    agree(pair)
    assert pair.states == (State.I_OPEN, State.R_OPEN)


@given(seed=st.integers(0, 2**32), hosts=st.sampled_from(HOSTS), slowest=st.floats(0.02, 2), apart=st.floats(0, 1))
def test_both_connect_and_one_link_survives(seed: int, hosts: tuple[str, str], slowest: float, apart: float) -> None:
    pair = Pair(seed=seed, hosts=hosts, initiate=(True, True), delay_s=(0.01, slowest))
    pair.a.peer.start(0.0)
    pair.run(apart, check=one_link)
    pair.b.peer.start(pair.network.now)
    pair.run(120, check=one_link)
    agree(pair)


def test_with_equal_delays_the_connection_of_the_loser_survives() -> None:
    pair = Pair(initiate=(True, True), delay_s=(0.1, 0.1)).start().run(5)
    agree(pair)
    assert pair.states == (State.I_OPEN, State.R_OPEN)  # b.example.org is higher, and keeps what a.example.org opened


def test_an_idle_link_is_probed_and_stays() -> None:
    pair = Pair().start().run(3600)
    agree(pair)
    assert 110 <= sum(len(side.seen(Probed)) for side in pair.sides) <= 140  # whoever asks first spares the other
    assert [len(side.seen(Opened)) for side in pair.sides] == [1, 1]


def test_a_silent_network_is_found_out_and_recovers() -> None:
    pair = Pair().start().run(10)
    pair.network.silent = True
    pair.run(110)
    for side in pair.sides:
        assert len(side.seen(Suspect)) == 1
        assert len(side.seen(Failed)) == 1
        assert side.peer.state is not State.I_OPEN
    pair.network.silent = False
    pair.run(300, check=one_link)
    agree(pair)
    assert len(pair.a.seen(Okay)) == 2


def test_a_short_silence_is_only_suspicious() -> None:
    pair = Pair(timers=Timers(tw_jitter_s=0)).start().run(31)
    pair.network.silent = True
    pair.run(61)
    assert pair.a.peer.watchdog_state is watchdog.State.SUSPECT
    pair.network.silent = False
    pair.run(20)
    pair.b.peer.send(header.build(header.FLAG_R, 8388639, 16777309, 1, 1, b""), pair.network.now)
    pair.run(2)
    assert pair.a.peer.usable
    assert len(pair.a.seen(Failed)) == 0


def test_a_cut_link_comes_back_on_probation() -> None:
    pair = Pair().start().run(10)
    pair.cut()
    assert pair.states == (State.CLOSED, State.CLOSED)
    pair.run(40)
    assert {side.peer.watchdog_state for side in pair.sides} == {watchdog.State.REOPEN}
    assert not pair.a.peer.usable
    pair.run(90)
    agree(pair)


def test_a_side_that_restarted_is_seen_to_have() -> None:
    pair = Pair(identities=(local("a.example.org", origin_state_id=1), local("b.example.org"))).start().run(10)
    pair.cut()
    again = Pair(identities=(local("a.example.org", origin_state_id=2), local("b.example.org")))
    pair.a.peer = again.a.peer
    pair.a.peer.start(pair.network.now)
    pair.run(100)
    agree(pair)
    assert pair.b.seen(Restarted) == [Restarted(origin_state_id=2)]


@pytest.mark.parametrize("by", [0, 1], ids=["by the initiator", "by the responder"])
@pytest.mark.parametrize("cause", list(DisconnectCause), ids=lambda cause: cause.name)
def test_each_cause_of_disconnection(cause: DisconnectCause, by: int) -> None:
    pair = Pair().start().run(10)
    pair.sides[by].peer.stop(pair.network.now, cause)
    pair.run(20)
    assert pair.states == (State.CLOSED, State.CLOSED)
    pair.run(20)
    back_after_tc = by == 1 and cause is DisconnectCause.REBOOTING
    assert (set(pair.states) == OPEN) is back_after_tc
    pair.run(340)
    back = by == 1 and cause is not DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU
    assert (set(pair.states) == OPEN) is back
    if back:
        agree(pair)


def test_both_disconnect_at_once() -> None:
    pair = Pair().start().run(10)
    for side in pair.sides:
        side.peer.stop(pair.network.now)
    pair.run(10)
    assert pair.states == (State.CLOSED, State.CLOSED)
    assert all(not side.connections for side in pair.sides)


def test_an_unreachable_peer_is_tried_every_tc() -> None:
    pair = Pair(reachable=False).start().run(600)
    assert 18 <= len(pair.a.seen(Unreachable)) <= 23
    pair.network.reachable = True
    pair.run(40)
    agree(pair)


def test_without_a_common_application_nothing_opens() -> None:
    other = local("b.example.org", applications=(Advertised(4),))
    pair = Pair(identities=(local("a.example.org"), other)).start().run(100)
    assert pair.states[1] is State.CLOSED
    assert not pair.a.seen(Opened)
    assert {one.result_code for side in pair.sides for one in side.seen(Refused)} == {5010}


def test_a_peer_nobody_knows_is_refused() -> None:
    pair = Pair(initiate=(True, False))
    pair.b.remote = "somebody.else.example.org"
    pair.start().run(10)
    assert [one.result_code for one in pair.a.seen(Refused)] == [3010]


def settle(pair: Pair, limit_s: float) -> None:
    """The trouble is over: within the limit both agree, and then they stay so."""
    network = pair.network
    network.loss, network.dies, network.reorder, network.delay_s = 0.0, 0.0, False, (0.01, 0.1)
    end = network.now + limit_s
    while network.now < end and not _agreed(pair):
        pair.run(5, check=one_link)
    agree(pair)


def _agreed(pair: Pair) -> bool:
    a, b = pair.sides
    return a.peer.usable and b.peer.usable and set(a.connections) == set(b.connections) == {a.peer.open_link}


@given(
    seed=st.integers(0, 2**32),
    hosts=st.sampled_from(HOSTS),
    dies=st.floats(0, 0.3),
    slowest=st.floats(0.02, 8),
    cuts=st.integers(0, 4),
)
def test_after_dead_links_and_cuts_both_agree(
    seed: int, hosts: tuple[str, str], dies: float, slowest: float, cuts: int
) -> None:
    pair = Pair(seed=seed, hosts=hosts, initiate=(True, True), timers=QUICK, delay_s=(0.01, slowest), dies=dies).start()
    moments = random.Random(seed)
    for _ in range(cuts + 1):
        pair.run(moments.uniform(1, 60), check=one_link)
        if cuts:
            pair.cut()
    settle(pair, 200)
    pair.run(100, check=one_link)  # time to find that the link they agreed on had died meanwhile
    settle(pair, 200)
    link = pair.a.peer.open_link
    pair.run(200, check=one_link)
    agree(pair)
    assert pair.a.peer.open_link == link


@given(seed=st.integers(0, 2**32), hosts=st.sampled_from(HOSTS), loss=st.floats(0, 0.6), slowest=st.floats(0.02, 8))
def test_after_lost_and_reordered_messages_both_agree(
    seed: int, hosts: tuple[str, str], loss: float, slowest: float
) -> None:
    """No transport of Diameter loses one message and keeps the next; the machines come through it all the same."""
    pair = Pair(
        seed=seed, hosts=hosts, initiate=(True, True), timers=QUICK, delay_s=(0.01, slowest), loss=loss, reorder=True
    )
    pair.start().run(100, check=one_link)
    settle(pair, 2000)
