"""Which worker has which host: claims, elections, who dials, and what a worker that dies leaves behind."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diameter.workers.claims import Claims
from diameter.workers.frames import Claim, Control, Deny, Dial, Gone, Grant, Probe, Row, Yield

LOCAL, PEER = "m.example", "a.example"
GREATER = "z.example"


def claims(workers: int = 2, local: str = LOCAL) -> Claims:
    made = Claims(local)
    for worker in range(workers):
        assert made.joined(worker) == []
    return made


def accepted(host: str = PEER, *, replace: bool = False) -> Claim:
    return Claim(host, False, replace)


def dialled(host: str = PEER) -> Claim:
    return Claim(host, True, False)


def row(host: str = PEER, *, is_open: bool = True) -> Row:
    return Row(-1, host, "example", "R-Open", is_open, is_open, (4,), "tcp", False)


def test_the_first_claim_is_granted_and_the_others_hear_of_the_peer() -> None:
    held = claims(3)
    assert held.claim(1, accepted()) == [(1, Grant(PEER))]
    assert held.owner("A.EXAMPLE") == 1
    mine = row()._replace(worker=1)
    assert held.row(1, row()) == [(0, mine), (2, mine)]
    assert held.row(0, row()) == []  # what is not its own it cannot speak of
    assert held.joined(3) == [(3, mine)]


def test_a_second_connection_of_an_open_peer_is_refused_and_the_first_one_probed() -> None:
    held = claims()
    held.claim(0, accepted())
    held.row(0, row())
    assert held.claim(1, accepted("A.example")) == [(1, Deny("A.example")), (0, Probe("A.example"))]
    assert held.claim(1, dialled()) == [(1, Deny(PEER))]
    assert held.claim(0, accepted()) == [(0, Grant(PEER))]


def test_a_second_connection_waits_until_the_first_one_is_open_or_has_ended() -> None:
    held = claims(3)
    held.claim(0, accepted())
    assert held.claim(1, accepted()) == []
    assert held.claim(2, accepted()) == []
    assert held.release(2, PEER) == []  # it has gone meanwhile
    assert held.release(0, PEER) == [(1, Grant(PEER))]
    assert held.claim(0, accepted()) == []
    shown = row()._replace(worker=1)
    assert held.row(1, row()) == [(0, shown), (2, shown), (0, Deny(PEER)), (1, Probe(PEER))]


def test_the_election_is_won_by_the_greater_origin_host() -> None:
    """Section 5.6.4: where ours is the greater, the connection that we initiated ends; else it is waited for."""
    won = claims()
    won.claim(0, dialled())
    assert won.claim(1, accepted()) == [(0, Yield(PEER))]
    assert won.release(0, PEER) == [(1, Grant(PEER))]
    lost = claims()
    lost.claim(0, dialled(GREATER))
    assert lost.claim(1, accepted(GREATER)) == []
    assert lost.row(0, row(GREATER))[-2:] == [(1, Deny(GREATER)), (0, Probe(GREATER))]


def test_a_newer_connection_replaces_the_open_one_where_that_is_configured() -> None:
    held = claims()
    held.claim(0, accepted())
    held.row(0, row())
    assert held.claim(1, accepted(replace=True)) == [(0, Yield(PEER))]
    assert held.release(0, PEER) == [(1, Gone(PEER, "closed")), (1, Grant(PEER))]
    assert held.owner(PEER) == 1


def test_a_worker_that_dies_frees_its_claims_and_what_it_dialled() -> None:
    held = claims()
    assert held.dial(["s1.example", "s2.example"]) == [(0, Dial(("s1.example",))), (1, Dial(("s2.example",)))]
    held.claim(0, accepted())
    held.row(0, row())
    held.claim(1, dialled("s2.example"))
    assert held.claim(0, accepted("s2.example")) == []  # it is the greater: the connection we dial is waited for
    assert held.left(0, "killed") == [(1, Gone(PEER, "killed")), (1, Dial(("s1.example",)))]
    assert held.owner(PEER) is None
    assert held.load([0, 1]) == {0: 0, 1: 2}
    assert held.left(1, "killed") == []
    assert held.joined(0) == []
    assert held.spread() == [(0, Dial(("s1.example", "s2.example")))]


def test_hosts_to_dial_are_spread_and_stay_where_they_are() -> None:
    held = claims(2)
    hosts = [f"s{number}.example" for number in range(6)]
    given = {worker: control.hosts for worker, control in held.dial(hosts) if isinstance(control, Dial)}
    assert sorted(map(len, given.values())) == [3, 3]
    assert held.dial(hosts) == []
    (worker, more), *others = held.dial([*hosts[:5], "new.example"])
    assert (more, others) == (Dial(("new.example",)), [])
    assert worker in (0, 1)
    assert held.dials().total() == 6


def test_whoever_has_the_peer_already_is_told_to_dial_it() -> None:
    held = claims()
    held.claim(1, accepted())
    assert held.dial([PEER]) == [(1, Dial((PEER,)))]
    assert held.load([0, 1]) == {0: 0, 1: 1}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["accept", "replace", "dial", "release", "open", "closed", "left", "joined"]),
        st.integers(0, 2),
        st.sampled_from([PEER, GREATER]),
    ),
    max_size=40,
)


@given(STEPS)
def test_no_host_is_granted_to_two_workers(steps: list[tuple[str, int, str]]) -> None:
    """Whatever workers say, a grant goes to the one that holds the host, and every claim is answered or waits."""
    held, holders = claims(3), dict[str, int]()
    out: list[tuple[int, Control]]
    for action, worker, host in steps:
        if action in ("accept", "replace", "dial"):
            out = held.claim(worker, Claim(host, action == "dial", action == "replace"))
        elif action == "release":
            out = held.release(worker, host)
        elif action in ("open", "closed"):
            out = held.row(worker, row(host, is_open=action == "open"))
        else:
            out = held.left(worker, "gone") if action == "left" else held.joined(worker)
        for receiver, control in out:
            if isinstance(control, Grant):
                assert held.owner(control.host) == receiver
            if isinstance(control, Yield | Probe):
                assert held.owner(control.host) == receiver
            if isinstance(control, Deny):
                assert held.owner(control.host) not in (None, receiver)
        holders = {host: owner for host in (PEER, GREATER) if (owner := held.owner(host)) is not None}
        assert all(owner in range(3) for owner in holders.values())
