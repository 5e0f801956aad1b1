"""Settings of the peer layer: every wrong one is named."""

from __future__ import annotations

import pytest

from diameter.errors import ConfigError
from diameter.peer.inputs import Timers


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tw_s", 5.9),
        ("tw_jitter_s", -0.1),
        ("tw_jitter_s", 6.0),
        ("tc_s", 0),
        ("tc_jitter", 1.0),
        ("tc_backoff", 0.5),
        ("tc_max_s", 0),
        ("busy_s", -1),
        ("connect_timeout_s", 0),
        ("cer_timeout_s", 0),
        ("cea_timeout_s", 0),
        ("dpa_timeout_s", 0),
        ("reopen_dwas", -1),
    ],
)
def test_a_value_out_of_range_is_named(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}: "):
        Timers(**{name: value})  # type: ignore[arg-type]  # the name is the point


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        Timers(tw_s=1, tc_s=0, reopen_dwas=-3)
    assert [line.partition(":")[0] for line in caught.value.lines] == ["tc_s", "tw_s", "reopen_dwas"]


def test_the_defaults_are_those_of_the_rfcs() -> None:
    timers = Timers()
    assert (timers.tw_s, timers.tw_jitter_s, timers.tc_s, timers.tc_backoff, timers.reopen_dwas) == (30, 2, 30, 1, 3)
    assert Timers(tw_s=6).tw_s == 6
