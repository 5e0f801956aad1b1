"""Where the functions of `mtc demo` listen."""

from __future__ import annotations

import os

import pytest

from nfs.cli import _demo_lab
from nfs.cli._lab import CLEAR_PORT, SECURE_PORT


def test_each_function_has_an_address_and_the_registered_port() -> None:
    places = _demo_lab.wanted()
    assert set(places) == set(_demo_lab.FUNCTIONS)
    assert len({place.host for place in places.values()}) == len(places)
    assert places["mtc-iwf"].port == SECURE_PORT
    assert {places[name].port for name in ("hss", "sms-sc", "mme")} == {CLEAR_PORT}


def test_labs_of_two_processes_do_not_share_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    pid = os.getpid()
    mine = {place.host for place in _demo_lab.wanted().values()}
    monkeypatch.setattr(os, "getpid", lambda: pid + 1)
    assert mine.isdisjoint(place.host for place in _demo_lab.wanted().values())
