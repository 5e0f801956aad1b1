"""Tc of RFC 6733 section 2.1 and what each Disconnect-Cause means for it (section 5.4.3)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.peer.inputs import DisconnectCause, Timers
from diameter.peer.reconnect import Reconnection


def reconnection(*, seed: int = 1, **settings: float) -> Reconnection:
    """A peer the operator wants."""
    timers = Timers(**settings)  # type: ignore[arg-type]  # a test names its own settings
    found = Reconnection(timers, random.Random(seed).uniform)
    found.want()
    return found


def test_a_lost_peer_is_tried_after_tc() -> None:
    retry = reconnection(tc_jitter=0)
    retry.lost(100.0)
    assert retry.deadline() == 130.0
    retry.trying()
    assert retry.deadline() is None


def test_a_peer_nobody_wants_is_not_tried() -> None:
    retry = reconnection()
    retry.lost(0.0)
    retry.unwant()
    assert retry.deadline() is None
    retry.lost(0.0)
    assert retry.deadline() is None


@pytest.mark.parametrize(
    ("cause", "wait"),
    [
        (DisconnectCause.REBOOTING, 30.0),
        (DisconnectCause.BUSY, 300.0),
        (DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU, None),
        (3, 30.0),
        (None, 30.0),
    ],
    ids=["REBOOTING", "BUSY", "DO_NOT_WANT_TO_TALK_TO_YOU", "a cause without a name", "no readable cause"],
)
def test_each_cause_means_what_it_says(cause: int | None, wait: float | None) -> None:
    retry = reconnection(tc_jitter=0)
    retry.disconnected(0.0, cause)
    assert retry.deadline() == wait


def test_not_wanting_to_talk_lasts_until_the_peer_connects_itself() -> None:
    retry = reconnection(tc_jitter=0)
    retry.disconnected(0.0, DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU)
    retry.lost(10.0)
    assert retry.deadline() is None
    retry.opened()
    retry.lost(20.0)
    assert retry.deadline() == 50.0


def test_not_wanting_to_talk_lasts_until_the_operator_starts_again() -> None:
    retry = reconnection(tc_jitter=0)
    retry.disconnected(0.0, DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU)
    retry.want()
    retry.lost(20.0)
    assert retry.deadline() == 50.0


def test_backoff_grows_to_its_cap_and_ends_with_success() -> None:
    retry = reconnection(tc_jitter=0, tc_s=10, tc_backoff=2, tc_max_s=60)
    waits = []
    for _ in range(6):
        retry.lost(0.0)
        waits.append(retry.deadline())
    assert waits == [10, 20, 40, 60, 60, 60]
    retry.opened()
    retry.lost(0.0)
    assert retry.deadline() == 10


def test_a_cap_below_tc_does_not_shorten_tc() -> None:
    retry = reconnection(tc_jitter=0, tc_s=30, tc_max_s=5)
    retry.lost(0.0)
    assert retry.deadline() == 30


def test_ten_thousand_failures_do_not_overflow() -> None:
    retry = reconnection(tc_jitter=0, tc_s=1, tc_backoff=10, tc_max_s=1e300)
    for _ in range(10_000):
        retry.lost(0.0)
    assert retry.deadline() == 1e300


@given(seed=st.integers(), tc=st.floats(0.1, 3600), jitter=st.floats(0, 0.99))
def test_tc_lies_within_its_jitter(seed: int, tc: float, jitter: float) -> None:
    retry = reconnection(seed=seed, tc_s=tc, tc_max_s=3600, tc_jitter=jitter)
    retry.lost(0.0)
    due = retry.deadline()
    assert due is not None
    assert tc * (1 - jitter) * 0.999999 <= due <= tc * (1 + jitter) * 1.000001
