"""Handshakes of a node: how many at once, given up, without keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock

from diameter.config import NodeTable, SctpConfig
from diameter.errors import ConfigError
from diameter.transport.dtls_endpoints import Handshakes, demanding
from diameter.transport.keys import TlsKeys
from diameter.transport.link import ConnectFailed
from helpers.dtls import SERVER
from helpers.dtls_suite import files
from helpers.sctp_octets import MemoryAssociation

WANTED = SctpConfig(auth="wanted")


def _node(**limits: Any) -> NodeTable:
    return NodeTable.model_validate({"origin_host": "server.example", "origin_realm": "example", "limits": limits})


def test_who_is_not_authenticated_is_counted(tmp_path: Path) -> None:
    clock = Clock()
    handshakes = Handshakes(clock, _node(handshakes=2), TlsKeys(files(tmp_path, SERVER)))
    below = [MemoryAssociation() for _ in range(2)]
    reasons: list[str] = []
    for each in below:
        assert handshakes.too_many() == ""
        fires = handshakes.protect(each, WANTED, server=True)
        _ = fires.addErrback(lambda failure: reasons.append(failure.getErrorMessage()))
    assert handshakes.too_many() == "more than 2 connections without authentication"
    for each in below:
        assert each.user is not None
        each.user.ended("")
    assert handshakes.accepting == 0
    assert reasons == ["closed during the DTLS handshake"] * 2
    assert clock.getDelayedCalls() == []


def test_a_handshake_is_given_up(tmp_path: Path) -> None:
    clock, below = Clock(), MemoryAssociation()
    handshakes = Handshakes(clock, _node(), TlsKeys(files(tmp_path, SERVER)))
    fires = handshakes.protect(below, WANTED, server=False)
    assert handshakes.accepting == 0
    caught: list[Any] = []
    _ = fires.addErrback(caught.append)
    fires.cancel()
    assert below.ended == "aborted"
    assert below.user is not None
    below.user.ended("aborted")
    assert [each.type for each in caught] == [CancelledError]


def test_sctp_auth_is_asked_for_unless_somebody_said_otherwise(tmp_path: Path) -> None:
    assert (demanding(SctpConfig()).auth, demanding(WANTED).auth) == ("required", "wanted")
    below = MemoryAssociation()
    caught: list[Any] = []
    handshakes = Handshakes(Clock(), _node(), TlsKeys(files(tmp_path, SERVER)))
    _ = handshakes.protect(below, SctpConfig(), server=True).addErrback(caught.append)
    assert below.ended == "aborted"
    assert below.user is not None
    below.user.ended("aborted")
    assert caught[0].type is ConnectFailed


def test_without_keys_there_is_no_handshake() -> None:
    with pytest.raises(ConfigError, match='missing, but a link has transport = "dtls"'):
        _ = Handshakes(Clock(), _node(), None).protect(MemoryAssociation(), WANTED, server=True)
