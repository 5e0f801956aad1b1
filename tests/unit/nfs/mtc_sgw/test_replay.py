"""Session-Ids that come again."""

from __future__ import annotations

import pytest

from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.logic import Offer
from nfs.mtc_sgw.replay import Replay

NOW = 1_700_000_000.0


def offer(session_id: str, after_s: float = 0.0, origin: str = "scs1.customer.example") -> Offer:
    return Offer(peer=origin, origin=origin, profile=None, action=1, session_id=session_id, now=NOW + after_s)


@pytest.mark.requirement("R-TSP-10", "T-TSP-01")
def test_a_session_id_is_taken_once_in_the_window() -> None:
    replay = Replay(240, remembered=10)
    assert replay.check(offer("scs1;1;1")) is None
    refused = replay.check(offer("scs1;1;1", 239))
    assert refused is not None
    assert (refused.status, refused.reason) == (RequestStatus.PERMANENTERROR, "the Session-Id has been used before")
    assert replay.check(offer("scs1;1;2", 239)) is None
    assert replay.check(offer("scs1;1;1", 1, "scs2.customer.example")) is None
    assert replay.check(offer("scs1;1;1", 240)) is None
    assert replay.check(offer("scs1;1;1", 239)) is not None  # the clock was set back a little


def test_without_a_window_nothing_is_looked_at() -> None:
    replay = Replay(0, remembered=10)
    assert [replay.check(offer("scs1;1;1")) for _ in range(3)] == [None] * 3
    assert len(replay.seen) == 0


def test_memory_is_bounded() -> None:
    replay = Replay(240, remembered=3)
    assert [replay.check(offer(f"scs1;1;{at}")) for at in range(9)] == [None] * 9
    assert (len(replay.seen), replay.seen.evicted) == (3, 6)
