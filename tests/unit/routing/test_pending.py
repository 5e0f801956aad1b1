"""The hop-by-hop table: each answer finds its request, each request ends, and strays harm nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diameter.routing.identifiers import EndToEnd, HopByHop
from diameter.routing.pending import Pending, PendingTable


def entry(hop: int, *, end: int = 7, link: int = 1, host: str = "a.example.org") -> Pending[str]:
    return Pending(HopByHop(hop), EndToEnd(end), link, host, b"octets", (16777309, None, "example.org"), "waiter")


def test_an_answer_takes_its_request_once() -> None:
    table: PendingTable[str] = PendingTable()
    one = entry(5)
    table.add(one, now=100.0, timeout_s=10)
    assert (len(table), 5 in table) == (1, True)
    assert table.take(5, 7, 1) is one
    assert table.take(5, 7, 1) is None
    assert (len(table), 5 in table) == (0, False)


def test_a_stray_answer_leaves_the_request_waiting() -> None:
    table: PendingTable[str] = PendingTable()
    table.add(entry(5), now=0.0, timeout_s=10)
    assert table.take(6, 7, 1) is None  # no such Hop-by-Hop Identifier
    assert table.take(5, 8, 1) is None  # another End-to-End Identifier
    assert table.take(5, 7, 2) is None  # come over another connection
    assert table.take(5, 7, 1) is not None


def test_the_entry_keeps_what_failover_needs() -> None:
    table: PendingTable[str] = PendingTable()
    table.add(entry(5), now=12.5, timeout_s=10)
    (one,) = table.take_all()
    assert (one.octets, one.destination, one.host, one.transmissions, one.sent_at) == (
        b"octets", (16777309, None, "example.org"), "a.example.org", 0, 12.5,
    )  # fmt: skip


def test_take_all_of_one_link_leaves_the_others() -> None:
    table: PendingTable[str] = PendingTable()
    for hop in range(6):
        table.add(entry(hop, link=hop % 2), now=0.0, timeout_s=10)
    assert [e.hop_by_hop for e in table.take_all(lambda e: e.link == 1)] == [1, 3, 5]
    assert len(table) == 3
    assert [e.hop_by_hop for e in table.expire(1000.0)] == [0, 2, 4]


def test_nothing_waits_no_deadline() -> None:
    table: PendingTable[str] = PendingTable()
    assert table.deadline() is None
    assert table.expire(1e9) == []


def test_the_deadline_is_that_of_the_first_to_expire() -> None:
    table: PendingTable[str] = PendingTable()
    table.add(entry(1), now=0.0, timeout_s=30)
    first = table.deadline()
    table.add(entry(2), now=0.0, timeout_s=2)
    second = table.deadline()
    table.add(entry(3), now=0.0, timeout_s=60)
    assert first is not None
    assert second is not None
    assert second < first
    assert table.deadline() == second
    assert [e.hop_by_hop for e in table.expire(second)] == [2]
    assert table.deadline() == first


def test_an_answered_request_leaves_no_deadline_behind() -> None:
    table: PendingTable[str] = PendingTable()
    table.add(entry(1), now=0.0, timeout_s=2)
    table.take(1, 7, 1)
    deadline = table.deadline()
    assert deadline is not None  # the tick is still booked, and frees itself
    assert table.expire(deadline) == []
    assert table.deadline() is None


@given(st.lists(st.tuples(st.floats(0, 1000), st.floats(0.01, 100), st.booleans()), max_size=60))
def test_each_request_ends_once_never_early_and_at_most_one_tick_late(rows: list[tuple[float, float, bool]]) -> None:
    """(sent at, timeout, answered before it expires) in the order of time; expire is called at each deadline."""
    table: PendingTable[str] = PendingTable(ticks_per_s=4)
    ended: dict[int, float] = {}
    due: dict[int, float] = {}

    def run_until(now: float) -> None:
        while (deadline := table.deadline()) is not None and deadline <= now:
            for expired in table.expire(deadline):
                assert expired.hop_by_hop not in ended
                ended[expired.hop_by_hop] = deadline

    for hop, (at, timeout_s, answered) in enumerate(sorted(rows)):
        run_until(at)
        table.add(entry(hop), now=at, timeout_s=timeout_s)
        due[hop] = at + timeout_s
        if answered:
            assert table.take(hop, 7, 1) is not None
            del due[hop]
    run_until(1e6)
    assert ended.keys() == due.keys()
    assert all(due[hop] <= ended[hop] <= due[hop] + 0.2500001 for hop in due)
    assert len(table) == 0
