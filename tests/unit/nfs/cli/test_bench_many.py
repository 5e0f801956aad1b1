"""The peers of `mtc bench scale`: what they say is in order, watchdog answers as well."""

from __future__ import annotations

import socket

import pytest

from diameter import Dictionary, decode, encode
from nfs.cli._bench.many import Peers
from nfs.cli._bench.messages import APPLICATION, LOAD

ORIGIN = {"Origin-Host": "server.example.org", "Origin-Realm": "example.org"}


@pytest.mark.parametrize(
    ("command", "application", "avps"),
    [("Device-Watchdog", 0, {}), ("Update-Location", APPLICATION, LOAD)],
)
def test_answers_are_in_order(command: str, application: int, avps: dict[str, object]) -> None:
    dictionary = Dictionary.load()
    request = dictionary.request(command, {**avps, **ORIGIN}, application=application, hop_by_hop=5, end_to_end=6)
    ours, theirs = socket.socketpair()
    peers = Peers(0)
    peers._sockets.append(ours)
    with theirs:
        peers._message(0, encode(request))
        answer = decode(theirs.recv(4096), dictionary)
    peers.close()
    assert (answer.command, answer.request, answer.hop_by_hop, answer.end_to_end) == (f"{command}-Answer", False, 5, 6)
    assert answer.result == (0, 2001)
    assert answer.faults == ()
