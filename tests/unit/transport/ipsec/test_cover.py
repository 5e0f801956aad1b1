"""A link and its protection, state by state, on a clock that is turned by hand."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from diameter.security.link import LinkSecurity
from diameter.transport.ipsec.cover import Cover, State

SECURE = LinkSecurity(mechanism="ipsec", version="IKEv2", peer_names=("b.example.org",))
OTHER = LinkSecurity(mechanism="ipsec", version="IKEv2", peer_names=("c.example.org",))


class Bench:
    """A cover, whoever waits for it, its link, what the hook left."""

    def __init__(self, grace_s: float = 5) -> None:
        self.clock = Clock()
        self.settled: list[str] = []
        self.told: list[str] = []
        self.released = 0
        self.cover = Cover(self.clock, grace_s=grace_s, establish_s=10, settled=self.settled.append)
        self.cover.begin(self)

    def release(self) -> None:
        self.released += 1

    def bare(self, reason: str, /) -> None:
        self.told.append(f"bare: {reason}")

    def covered(self) -> None:
        self.told.append("covered")

    def stripped(self, reason: str, /) -> None:
        self.told.append(f"stripped: {reason}")

    def worn(self) -> Bench:
        self.cover.up(SECURE)
        self.cover.wear(self)
        assert (self.settled, self.cover.state, self.cover.security) == ([""], State.COVERED, SECURE)
        return self


def test_it_comes_up_and_is_replaced_and_released() -> None:
    bench = Bench().worn()
    bench.cover.rekeyed(SECURE)
    bench.clock.advance(1000)
    assert (bench.told, bench.released, bench.cover.gaps) == ([], 0, 0)
    bench.cover.release()
    bench.cover.release()
    assert (bench.told, bench.released, bench.cover.state) == ([], 1, State.OVER)
    assert bench.clock.getDelayedCalls() == []


def test_it_does_not_come_up() -> None:
    bench = Bench()
    bench.clock.advance(9.9)
    assert bench.settled == []
    bench.clock.advance(0.2)
    assert (bench.settled, bench.released) == (["no IPsec protection within 10 s"], 1)
    bench.cover.up(SECURE)  # too late
    assert bench.cover.state is State.OVER


@pytest.mark.parametrize("how", ["failed", "down"])
def test_the_hook_gives_up(how: str) -> None:
    bench = Bench()
    getattr(bench.cover, how)("no proposal chosen")
    assert (bench.settled, bench.released) == (["no proposal chosen"], 1)
    assert bench.clock.getDelayedCalls() == []


def test_a_gap_within_the_grace() -> None:
    bench = Bench().worn()
    bench.cover.down("no child SA")
    bench.cover.down("no child SA")
    bench.clock.advance(4.9)
    assert (bench.told, bench.cover.state) == (["bare: no child SA"], State.BARE)
    bench.cover.rekeyed(SECURE)
    bench.clock.advance(100)
    assert (bench.told[1:], bench.cover.state, bench.cover.gaps) == (["covered"], State.COVERED, 1)


def test_a_gap_beyond_the_grace() -> None:
    bench = Bench().worn()
    bench.cover.down("no child SA")
    bench.clock.advance(5)
    assert bench.told[1:] == ["stripped: no child SA; no security association came back within 5 s"]
    assert (bench.released, bench.cover.state) == (1, State.OVER)
    bench.cover.rekeyed(SECURE)
    bench.cover.down("again")
    assert len(bench.told) == 2


def test_without_grace_the_link_ends_at_once() -> None:
    bench = Bench(grace_s=0).worn()
    bench.cover.down("no child SA")
    bench.clock.advance(0)
    assert bench.told[-1].startswith("stripped: ")


def test_somebody_else_after_the_gap() -> None:
    bench = Bench().worn()
    bench.cover.down("no child SA")
    bench.cover.rekeyed(OTHER)
    assert bench.told[1:] == ["stripped: the other end is now c.example.org"]


@pytest.mark.parametrize(("wait", "word"), [(1, "bare"), (6, "stripped")])
def test_what_happened_before_the_link_was_there(wait: float, word: str) -> None:
    bench = Bench()
    bench.cover.up(SECURE)
    bench.cover.down("no child SA")
    bench.clock.advance(wait)
    bench.cover.wear(bench)
    assert bench.told == []
    bench.clock.advance(0)
    assert [each.partition(":")[0] for each in bench.told] == [word]
