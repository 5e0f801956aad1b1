"""Notifications of SCTP from octets: every kind, every length, anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.transport.link import Address
from diameter.transport.sctp_events import (
    AllSent,
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
    address_of,
    parse,
    plain_host,
)
from helpers.sctp_octets import (
    CANT_START,
    COMM_LOST,
    COMM_UP,
    RESTART,
    SHUTDOWN_COMP,
    association_change,
    notification,
    path_change,
    send_failed,
)

ROWS: list[tuple[bytes, Event]] = [
    (association_change(COMM_UP), Up(outbound=16, inbound=10)),
    (association_change(RESTART), Up(outbound=16, inbound=10, restarted=True)),
    (association_change(COMM_LOST, 12), Lost(error=12)),
    (association_change(CANT_START), Lost(error=0, failed_to_start=True)),
    (association_change(SHUTDOWN_COMP), ShutDown()),
    (association_change(9), Unknown(kind=0x8001, octets=20)),
    (
        path_change("10.1.2.3", 3868, 1, 5),
        PathChanged(address=Address("10.1.2.3", 3868), state=PathState.UNREACHABLE, error=5),
    ),
    (
        path_change("2001:db8::9", 3868, 0),
        PathChanged(address=Address("2001:db8::9", 3868), state=PathState.AVAILABLE),
    ),
    (
        path_change("::ffff:10.1.2.3", 3868, 4),
        PathChanged(address=Address("10.1.2.3", 3868), state=PathState.PRIMARY),
    ),
    (
        path_change("10.1.2.3", 3868, 77),
        PathChanged(address=Address("10.1.2.3", 3868), state=PathState.UNKNOWN),
    ),
    (send_failed(b"\xff\xfe"), SendFailed(data=b"\xff\xfe", sent=False, stream=3)),
    (send_failed(b"x", sent=True, last=False), SendFailed(data=b"x", sent=True, last=False, stream=3)),
    (notification(0x8004, b"\x00\x06" + bytes(6)), PeerError(error=6)),
    (notification(0x8005, bytes(4)), PeerShutsDown()),
    (notification(0x8006, bytes(16)), DeliveryAborted()),
    (notification(0x8008, b"\x01\x00\x00\x00\x02\x00\x00\x00" + bytes(4)), Authentication(key=1, indication=2)),
    (notification(0x8009, bytes(4)), AllSent()),
    (notification(0x8003, bytes(40)), Unknown(kind=0x8003, octets=48)),
    (notification(0x9999, b""), Unknown(kind=0x9999, octets=8)),
    (b"", Unknown(kind=0, octets=0)),
    (b"\x01\x80", Unknown(kind=0, octets=2)),
]


@pytest.mark.parametrize(("octets", "event"), ROWS)
def test_each_kind(octets: bytes, event: Event) -> None:
    assert parse(octets) == event


@pytest.mark.parametrize("octets", [octets for octets, _ in ROWS])
def test_what_is_cut_off_is_unknown_or_what_it_was(octets: bytes) -> None:
    for length in range(len(octets)):
        found = parse(octets[:length])
        assert isinstance(found, Unknown) or type(found) is type(parse(octets))


@given(st.sampled_from(range(0x8000, 0x8010)), st.binary(max_size=200))
def test_any_octets_give_an_event(kind: int, body: bytes) -> None:
    assert isinstance(parse(notification(kind, body)), Event)
    assert isinstance(parse(body), Event)


def test_a_path_of_no_known_family() -> None:
    assert parse(notification(0x8002, bytes(140))) == Unknown(kind=0x8002, octets=148)
    assert address_of(bytes(28)) is None


def test_an_address_inside_another() -> None:
    assert plain_host("::FFFF:192.0.2.1") == "192.0.2.1"
    assert [plain_host(host) for host in ("::1", "192.0.2.1", "::ffff:1")] == ["::1", "192.0.2.1", "::ffff:1"]
