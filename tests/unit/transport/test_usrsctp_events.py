"""Notifications of libusrsctp as events."""

from __future__ import annotations

from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.transport.link import Address
from diameter.transport.sctp_events import (
    Authentication,
    DeliveryAborted,
    Event,
    Lost,
    PathChanged,
    PathState,
    PeerError,
    PeerShutsDown,
    SendFailed,
    ShutDown,
    Unknown,
    Up,
)
from diameter.transport.usrsctp_events import parse

PEER = Address("192.0.2.1", 3868)


def note(kind: int, body: bytes, flags: int = 0) -> bytes:
    return pack("=HHI", kind, flags, 8 + len(body)) + body


def change(state: int, error: int = 0) -> bytes:
    return note(1, pack("=HHHHI", state, error, 5, 7, 1))


@pytest.mark.parametrize(
    ("octets", "event"),
    [
        (change(1), Up(outbound=5, inbound=7)),
        (change(3), Up(outbound=5, inbound=7, restarted=True)),
        (change(2, 12), Lost(error=12)),
        (change(5), Lost(error=0, failed_to_start=True)),
        (change(4), ShutDown()),
        (change(9), Unknown(kind=1, octets=20)),
        (
            note(2, pack("=128xIII", 2, 110, 1) + bytes(4)),
            PathChanged(address=PEER, state=PathState.UNREACHABLE, error=110),
        ),
        (note(2, pack("=128xIII", 99, 0, 1) + bytes(4)), PathChanged(address=PEER, state=PathState.UNKNOWN)),
        (note(3, pack("=HxxI", 7, 1)), PeerError(error=7)),
        (note(5, pack("=I", 1)), PeerShutsDown()),
        (note(7, bytes(20)), DeliveryAborted()),
        (note(8, pack("=HxxII", 3, 2, 1)), Authentication(key=3, indication=1)),
        (note(14, pack("=IHHIIII", 0, 4, 3, 0, 0, 0, 1) + b"ab", 1), SendFailed(data=b"ab", sent=False, stream=4)),
        (
            note(14, pack("=IHHIIII", 9, 4, 2, 0, 0, 0, 1) + b"ab", 2),
            SendFailed(data=b"ab", sent=True, last=False, stream=4, error=9),
        ),
        (note(77, b""), Unknown(kind=77, octets=8)),
        (note(1, b"short"), Unknown(kind=1, octets=13)),
        (b"\x01", Unknown(kind=0, octets=1)),
    ],
)  # fmt: skip
def test_each_kind(octets: bytes, event: Event) -> None:
    assert parse(octets, PEER) == event


@given(st.sampled_from(range(16)), st.binary(max_size=200))
def test_octets_of_every_kind_give_an_event(kind: int, body: bytes) -> None:
    assert isinstance(parse(note(kind, body), PEER), Event)
    assert isinstance(parse(body, PEER), Event)
